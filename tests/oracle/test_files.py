from pathlib import Path

import h5py
import numpy as np
import pytest

from fcn_repro.caffe.proto import caffe_pb2
from tests.fixtures.fcn_nets import small_net
from tests.oracle.comparison import Record
from tests.oracle.oracle import Case, Oracle, run_ours
from tests.oracle.test_solvers import LIMIT, NET, TYPES, solver_text, trajectory

NETS = {"small": NET, "vgg16-8s": small_net("vgg16-8s", 40, 33), "googlenet-16s": small_net("googlenet-16s", 40, 33)}
SUFFIX = {False: "caffemodel", True: "h5"}


def run_one(who: str, oracle: Oracle):
    return run_ours if who == "ours" else oracle.run


def other(who: str) -> str:
    return "Caffe" if who == "ours" else "ours"


@pytest.mark.parametrize("hdf5", [False, True], ids=SUFFIX.get)
@pytest.mark.parametrize("writer", ["ours", "Caffe"])
@pytest.mark.parametrize("name", NETS)
def test_weights_are_read_as_the_other_wrote_them(name, writer, hdf5, oracle: Oracle, record: Record, tmp_path: Path):
    if hdf5 and name == "googlenet-16s":
        pytest.skip("Caffe cannot write layer names with a slash to HDF5")
    path = str(tmp_path / f"weights.{SUFFIX[hdf5]}")
    wrote = run_one(writer, oracle)(Case("save", {"text": NETS[name], "path": path, "hdf5": hdf5}))
    for reader in ("ours", "Caffe"):
        read = run_one(reader, oracle)(Case("load", {"text": NETS[name], "path": path}))
        record.check("Files", f"{SUFFIX[hdf5]}, {writer} writes and {reader} reads", read, wrote, 0)


def test_caffemodels_hold_the_same_messages(oracle: Oracle, tmp_path: Path):
    """Field by field, what Caffe writes: the filtered net with splits, phases, implicit loss weights, blobs."""
    messages = []
    for who in ("ours", "Caffe"):
        path = tmp_path / who
        run_one(who, oracle)(Case("save", {"text": NETS["vgg16-8s"], "path": str(path)}))
        message = caffe_pb2.NetParameter()
        message.ParseFromString(path.read_bytes())
        messages.append(message)
    ours, theirs = messages
    assert [layer.name for layer in ours.layer] == [layer.name for layer in theirs.layer]
    for mine, reference in zip(ours.layer, theirs.layer, strict=True):
        assert mine == reference, mine.name
    assert ours == theirs


def test_hdf5_weights_have_the_same_groups_and_data_sets(oracle: Oracle, tmp_path: Path):
    found = []
    for who in ("ours", "Caffe"):
        path = tmp_path / who
        run_one(who, oracle)(Case("save", {"text": NET, "path": str(path), "hdf5": True}))
        names: list = []
        with h5py.File(path) as file:
            file.visititems(
                lambda name, item, names=names: names.append(
                    (name, getattr(item, "shape", None), str(getattr(item, "dtype", "")))
                )
            )
        found.append(sorted(names))
    assert found[0] == found[1]


def shaped(blob: caffe_pb2.BlobProto, values: np.ndarray, form: str) -> None:
    """Fill a BlobProto as one of three generations of Caffe stored it."""
    (blob.double_data if form == "double" else blob.data).extend(values.ravel().tolist())
    if form == "four axes":
        blob.num, blob.channels, blob.height, blob.width = (*[1] * (4 - values.ndim), *values.shape)
    else:
        blob.shape.dim.extend(values.shape)


@pytest.mark.parametrize("form", ["shape", "four axes", "double"])
@pytest.mark.parametrize("generation", ["V1", "V2"])
def test_old_weights_are_read_as_caffe_reads_them(generation, form, oracle: Oracle, record: Record, tmp_path: Path):
    """Layers in both formats; blobs with a shape, with four axes as before 2014, and in double precision."""
    random = np.random.RandomState(0)
    stored = {"ip1": [(6, 6), (6,)], "scale": [(6,), (6,)], "ip3": [(3, 6), (3,)]}
    message = caffe_pb2.NetParameter(name="old")
    for name, shapes in stored.items():
        if generation == "V1":
            layer = message.layers.add(name=name)
        else:
            layer = message.layer.add(name=name)
        for shape in shapes:
            shaped(layer.blobs.add(), np.float32(random.normal(size=shape)), form)
    path = tmp_path / "old.caffemodel"
    path.write_bytes(message.SerializeToString())
    case = Case("load", {"text": NET, "path": str(path)})
    record.check("Files", f"caffemodel, {generation}, blobs: {form}", run_ours(case), oracle.run(case), 0)


@pytest.mark.parametrize("writer", ["ours", "Caffe"])
def test_mean_images_are_read_as_the_other_wrote_them(writer, oracle: Oracle, record: Record, tmp_path: Path):
    arrays = {"mean": np.float32(np.random.RandomState(0).uniform(0, 255, (1, 3, 5, 7)))}
    path = str(tmp_path / "mean.binaryproto")
    wrote = run_one(writer, oracle)(Case("mean_image", {"path": path, "write": True}, arrays))
    for reader in ("ours", "Caffe"):
        read = run_one(reader, oracle)(Case("mean_image", {"path": path, "write": False}, arrays))
        record.check("Files", f"binaryproto, {writer} writes and {reader} reads", read, wrote, 0)


@pytest.mark.parametrize("format_", ["BINARYPROTO", "HDF5"])
@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("writer", ["ours", "Caffe"])
def test_training_goes_on_from_the_others_snapshot(
    type_, writer, format_, oracle: Oracle, record: Record, tmp_path: Path
):
    """25 steps in one engine, snapshot, 25 more in the other: the same as 25 more in the first, with the same data."""
    settings = solver_text(type_, "multistep", "weight_decay: 0.01 snapshot_format: " + format_).replace("40", "20")
    prefix = f"snapshot_prefix: '{tmp_path / 'run'}'"
    run_one(writer, oracle)(trajectory(f"{settings} {prefix}", [25], snapshot=True))
    suffix = ".h5" if format_ == "HDF5" else ""
    on = trajectory(f"{settings} {prefix}", [1, 24], restore=str(tmp_path / f"run_iter_25.solverstate{suffix}"))
    expected = run_one(writer, oracle)(on)
    subject = f"solverstate ({format_}), {writer} writes and the other goes on"
    record.check("Files", subject, run_one(other(writer), oracle)(on), expected, LIMIT)


@pytest.mark.parametrize("format_", ["BINARYPROTO", "HDF5"])
def test_solverstates_hold_the_same(format_, oracle: Oracle, tmp_path: Path):
    states = []
    for who in ("ours", "Caffe"):
        (tmp_path / who).mkdir()
        prefix = f"snapshot_prefix: '{tmp_path / who / 'run'}' snapshot_format: {format_}"
        run_one(who, oracle)(trajectory(solver_text("Adam", "step", prefix), [65], snapshot=True))
        states.append(_state(tmp_path / who / "run_iter_65.solverstate", format_))
    ours, theirs = states
    assert ours["iter"] == theirs["iter"] == 65
    assert ours["current_step"] == theirs["current_step"] == 1
    assert str(ours["learned_net"]).replace("/ours/", "/Caffe/") == str(theirs["learned_net"])
    assert [h.shape for h in ours["history"]] == [h.shape for h in theirs["history"]]
    for mine, reference in zip(ours["history"], theirs["history"], strict=True):
        assert mine == pytest.approx(reference, rel=1e-3, abs=1e-6)


def _state(path: Path, format_: str) -> dict:
    if format_ == "HDF5":
        with h5py.File(f"{path}.h5") as file:
            history = [np.array(file[f"history/{i}"]) for i in range(len(file["history"]))]
            return {
                "iter": int(file["iter"][()].item()),
                "current_step": int(file["current_step"][()].item()),
                "learned_net": file["learned_net"][()].decode(),
                "history": history,
            }
    state = caffe_pb2.SolverState()
    state.ParseFromString(path.read_bytes())
    history = [np.float32(blob.data).reshape(list(blob.shape.dim)) for blob in state.history]
    return {
        "iter": state.iter,
        "current_step": state.current_step,
        "learned_net": state.learned_net,
        "history": history,
    }
