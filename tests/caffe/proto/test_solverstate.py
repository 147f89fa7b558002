import h5py
import numpy as np
import pytest

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2, solverstate
from fcn_repro.caffe.proto.solverstate import SolverState
from fcn_repro.caffe.proto.stored_blob import StoredBlob

NAMES = ["train_iter_7.solverstate", "train_iter_7.solverstate.h5"]


def state() -> SolverState:
    history = [StoredBlob((2, 1), False, np.float32([1, 2])), StoredBlob((), False, np.float32([3]))]
    return SolverState(300, "build/x/train_iter_300.caffemodel", 2, history)


@pytest.mark.parametrize("name", NAMES)
def test_reads_back_what_it_writes(tmp_path, name):
    solverstate.write(tmp_path / name, state())
    found = solverstate.read(tmp_path / name)
    assert (found.iter, found.learned_net, found.current_step) == (300, "build/x/train_iter_300.caffemodel", 2)
    assert [blob.shape for blob in found.history] == [(2, 1), ()]
    assert [blob.data.tolist() for blob in found.history] == [[1, 2], [3]]
    solverstate.write(tmp_path / name, SolverState(1, "m.caffemodel", 0, []))
    assert solverstate.read(tmp_path / name).history == []


def test_the_binary_form_is_a_solver_state_message(tmp_path):
    solverstate.write(tmp_path / NAMES[0], state())
    message = caffe_pb2.SolverState.FromString((tmp_path / NAMES[0]).read_bytes())
    assert (message.iter, message.learned_net, message.current_step) == (300, "build/x/train_iter_300.caffemodel", 2)
    assert [list(blob.shape.dim) for blob in message.history] == [[2, 1], []]
    assert [list(blob.data) for blob in message.history] == [[1, 2], [3]]
    message = caffe_pb2.SolverState(iter=5, history=[caffe_pb2.BlobProto(data=[1, 2])])
    (tmp_path / NAMES[0]).write_bytes(message.SerializeToString())
    found = solverstate.read(tmp_path / NAMES[0])
    assert (found.iter, found.learned_net, found.current_step) == (5, "", 0)
    assert found.history[0].data.tolist() == [1, 2]


def test_the_hdf5_form_has_caffes_data_sets_and_more_than_ten_histories_keep_their_order(tmp_path):
    solverstate.write(tmp_path / NAMES[1], state())
    with h5py.File(tmp_path / NAMES[1]) as file:
        for name, value in (("iter", 300), ("current_step", 2)):
            assert (file[name][()], file[name].dtype, file[name].shape) == (value, np.int32, (1,))
        assert file["learned_net"][()] == b"build/x/train_iter_300.caffemodel"
        assert sorted(file["history"]) == ["0", "1"] and file["history/0"].dtype == np.float32
    history = [StoredBlob((1,), False, np.float32([i])) for i in range(12)]
    solverstate.write(tmp_path / NAMES[1], SolverState(0, "", 0, history))
    assert [blob.data[0] for blob in solverstate.read(tmp_path / NAMES[1]).history] == list(range(12))


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_or_truncated_file_is_read_or_refused_by_name(tmp_path, name):
    with pytest.raises(RuntimeError, match=f"Could not open file .*{name}"):
        solverstate.read(tmp_path / name)
    solverstate.write(tmp_path / name, state())
    content = (tmp_path / name).read_bytes()
    for end in range(0, len(content), 1 if len(content) < 200 else 97):
        (tmp_path / name).write_bytes(content[:end])
        try:
            solverstate.read(tmp_path / name)
        except CaffeError as error:
            assert name in str(error)


@pytest.mark.parametrize(
    ("data_sets", "complaint"),
    [
        (dict(iter=[1]), "/history is missing or not a group"),
        (dict(iter=[1], current_step=[0], history=[1.0]), "/history is missing or not a group"),
        ({"iter": [1], "history/0": [1.0]}, "/current_step is missing or not a numeric data set"),
        ({"iter": [], "history/0": [1.0]}, "/iter holds 0 values; expected 1"),
        ({"iter": [b"one"], "history/0": [1.0]}, "/iter is missing or not a numeric data set"),
        ({"iter": [1], "current_step": [0], "history/1": [1.0]}, "/history/0 is missing or not a numeric data set"),
        ({"iter": [1], "current_step": [0], "history/0/a": [1.0]}, "/history/0 is missing or not a numeric data set"),
    ],
)
def test_refuses_an_hdf5_file_of_another_kind(tmp_path, data_sets, complaint):
    with h5py.File(tmp_path / NAMES[1], "w") as file:
        for name, value in data_sets.items():
            file[name] = value
    with pytest.raises(CaffeError, match=f"{NAMES[1]}: {complaint}"):
        solverstate.read(tmp_path / NAMES[1])
