"""Files of untrusted origin are recognised by content, and refused with their name and the reason. No code runs."""

import io
import json
import os
import pickle
import struct
import zipfile
from collections import OrderedDict

import h5py
import numpy as np
import onnx
import pytest
import scipy.io
import torch

from fcn_repro.errors import DataError
from fcn_repro.model.exchange.weight_files import torch_pickle
from fcn_repro.model.exchange.weight_files.identify import READERS, identify, read_file
from tests.fixtures import foreign_weights as foreign

WEIGHTS = np.arange(54, dtype=np.float32).reshape(2, 3, 3, 3)
LAYERS = {"conv1_1": [WEIGHTS, np.float32([1, 2])], "fc6": [np.float32([[1, 2]]), np.float32([3])]}

WRITERS = {
    "PyTorch (zip)": lambda path: foreign.write_torch(path, foreign.name_state_dict(LAYERS)),
    "PyTorch (legacy)": lambda path: foreign.write_torch(path, foreign.name_state_dict(LAYERS), legacy=True),
    "NumPy .npz": lambda path: path.write_bytes(save_npz(**foreign.name_state_dict(LAYERS))),
    "Keras HDF5": lambda path: foreign.write_keras(path, LAYERS),
    "MATLAB 5": lambda path: write_mat(path, foreign.write_dagnn),
    "safetensors": lambda path: foreign.write_safetensors(path, foreign.name_state_dict(LAYERS)),
    "ONNX": lambda path: foreign.write_caffe2_onnx(path, LAYERS),
}


def write_mat(path, write):
    with open(path, "wb") as file:
        write(file, {"conv1_1": LAYERS["conv1_1"]})


@pytest.mark.parametrize("container", READERS)
def test_the_content_decides_not_the_name(container, tmp_path):
    WRITERS[container](tmp_path / "weights.bin")
    assert identify(tmp_path / "weights.bin") == container
    assert read_file(tmp_path / "weights.bin").container == container


@pytest.mark.parametrize("container", READERS)
@pytest.mark.parametrize("share", [0.3, 0.7, 0.98])
def test_a_truncated_file_is_refused_by_name(container, share, tmp_path):
    WRITERS[container](tmp_path / "weights.bin")
    content = (tmp_path / "weights.bin").read_bytes()
    (tmp_path / "weights.bin").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=r"weights\.bin: .*Expected weights as"):
        read_file(tmp_path / "weights.bin")


class Evil:
    def __reduce__(self):
        return os.mkdir, ("pwned",)


def make_zip(files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def save_torch(value, **options):
    content = io.BytesIO()
    torch.save(value, content, **options)
    return content.getvalue()


def save_npz(**arrays):
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def declare_npy(shape, dtype="<f4"):
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, {"shape": shape, "fortran_order": False, "descr": dtype})
    return make_zip({"a.npy": content.getvalue() + b"1234"})


def make_safetensors(entry):
    text = json.dumps({"a": entry}).encode()
    return struct.pack("<Q", len(text)) + text + bytes(8)


def make_onnx(location):
    tensor = onnx.numpy_helper.from_array(WEIGHTS, "conv1_1_w_0")
    onnx.external_data_helper.set_external_data(tensor, location)
    tensor.ClearField("raw_data")
    node = onnx.helper.make_node("Conv", ["x", "conv1_1_w_0"], ["y"])
    return onnx.helper.make_model(onnx.helper.make_graph([node], "g", [], [], [tensor])).SerializeToString()


F32 = {"dtype": "F32", "shape": [9]}
BAD = {
    "a pickle with code": (pickle.dumps(Evil()), r"got \w+\.mkdir, which a pickle would run"),
    "code in torch's zip": (save_torch({"w": Evil()}), r"got \w+\.mkdir, which a pickle would run"),
    "code in torch's legacy file": (
        save_torch({"w": Evil()}, _use_new_zipfile_serialization=False),
        r"got \w+\.mkdir, which",
    ),
    "a whole module": (save_torch(torch.nn.Linear(2, 2)), r"torch\.nn\.modules\.linear\.Linear.*Fix.*state_dict\(\)"),
    "a list": (save_torch([torch.zeros(2)]), "got list, expected a state_dict"),
    "an optimizer": (save_torch({"lr": 0.1, "w": torch.zeros(2)}), r"something else than a tensor as \['lr'\]"),
    "a pickle of another program": (pickle.dumps([1, 2]), "a pickle of another program"),
    "a pickle of numpy": (pickle.dumps(WEIGHTS), r"numpy.*which a pickle would run"),
    "objects in npz": (save_npz(a=np.array([Evil()], object)), "a.npy: got Python objects, whose pickle may run code"),
    "a huge npy": (declare_npy((1 << 40,)), r"got 4 bytes, expected 4398046511104"),
    "a zip of other things": (make_zip({"a/b.txt": b"hello"}), "zip archive without PREFIX/data.pkl"),
    "a login page": (b"<!DOCTYPE html><html>Log in</html>", "got a web page, such as a login"),
    "text": (b"hello, world", "got an unknown format"),
    "nothing": (b"", "got an unknown format"),
    "safetensors beyond the file": (make_safetensors(F32 | {"data_offsets": [0, 36]}), "0 to 36"),
    "safetensors of another size": (make_safetensors(F32 | {"data_offsets": [0, 8]}), "0 to 8 of 8"),
    "safetensors of objects": (make_safetensors({"dtype": "O", "shape": [1], "data_offsets": [0, 8]}), "got dtype O"),
    "safetensors without fields": (make_safetensors([1]), "expected dtype, shape and data_offsets"),
    "ONNX data outside its folder": (make_onnx("../secret.bin"), r"keeps 1 arrays in other files \(\.\./secret\.bin\)"),
    "ONNX data beside it": (make_onnx("weights.bin"), "in other files.*not opened. Fix: save it as one file"),
    "MATLAB 7.3": (b"MATLAB 7.3 MAT-file" + bytes(105) + b"\0\2IM" + bytes(400), "MATLAB 7.3 file.*'-v7'"),
    "MATLAB 4": (struct.pack("<5i", 0, 1, 1, 0, 2) + b"x\0" + struct.pack("<d", 1), "got an unknown format"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_are_refused_by_name_with_the_reason_and_no_code_runs(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content, reason = BAD[kind]
    (tmp_path / "evil.bin").write_bytes(content)
    (tmp_path / "weights.bin").write_bytes(bytes(400))
    with pytest.raises(DataError, match=rf"(?s)evil\.bin: .*{reason}.*Expected weights as PyTorch"):
        read_file(tmp_path / "evil.bin")
    assert not (tmp_path / "pwned").exists()


def test_hdf5_files_without_keras_weights_and_with_links_to_others_are_refused(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = [1.0]
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file.attrs["layer_names"] = [b"a"]
        group = file.create_group("a")
        group.attrs["weight_names"] = [b"w"]
        group["w"] = h5py.ExternalLink("other.h5", "x")
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file.attrs["layer_names"] = [b"a"]
        group = file.create_group("a")
        group.attrs["weight_names"] = [b"w"]
        group.create_dataset("w", (1,), "f4", external=[("other.h5", 0, 4)])
    for file, reason in (("other", "attribute layer_names"), ("link", "a link"), ("raw", "an array of another file")):
        with pytest.raises(DataError, match=rf"{file}\.h5: .*{reason}"):
            read_file(tmp_path / f"{file}.h5")


def test_matlab_files_without_a_net_are_refused(tmp_path):
    scipy.io.savemat(tmp_path / "x.mat", {"a": np.eye(2)})
    with pytest.raises(DataError, match=r"x\.mat: .*without layers or params"):
        read_file(tmp_path / "x.mat")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path, reason in ((tmp_path / "none.pth", "No such file"), (tmp_path, "got a folder")):
        with pytest.raises(DataError, match=rf"{path.name}: .*{reason}"):
            read_file(path)


def test_views_and_shared_storages_of_tensors_are_read_as_torch_reads_them(tmp_path):
    base = torch.arange(24, dtype=torch.float32)
    tensors = OrderedDict(a=base.reshape(4, 6).T, b=base[3:9].reshape(2, 3), c=torch.nn.Parameter(torch.ones(2)))
    for legacy in (False, True):
        torch.save(tensors, tmp_path / "x.pth", _use_new_zipfile_serialization=not legacy)
        found = read_file(tmp_path / "x.pth").arrays
        expected = torch.load(tmp_path / "x.pth", weights_only=True)
        assert list(found) == list(expected)
        assert all(np.array_equal(found[name], expected[name].detach().numpy()) for name in expected)


@pytest.mark.parametrize("kind", ["BFloat16", "Half", "Double", "Long", "Bool"])
@pytest.mark.parametrize("legacy", [True, False])
def test_every_type_of_number_is_read(kind, legacy, tmp_path):
    tensor = torch.tensor([0.0, 1.0, -2.5, 1e4]).to(getattr(torch, {"Bool": "bool"}.get(kind, kind.lower())))
    torch.save({"a": tensor}, tmp_path / "x.pth", _use_new_zipfile_serialization=not legacy)
    found = read_file(tmp_path / "x.pth").arrays["a"]
    assert np.array_equal(found.astype(np.float32), tensor.float().numpy())


def test_a_file_of_python_2_and_torch_0_1_is_read(tmp_path):
    """Byte strings, storages of a GPU and a tensor without hooks, as the instructions stand in such files."""
    text = lambda value: b"U" + bytes([len(value)]) + value  # noqa: E731  SHORT_BINSTRING
    magic = pickle.dumps(torch_pickle.MAGIC, 2)
    system = b"\x80\x02}(" + text(b"little_endian") + b"\x88" + text(b"protocol_version") + b"M\xe9\x03u."
    storage = b"(" + text(b"storage") + b"ctorch.cuda\nFloatStorage\n" + text(b"7") + text(b"cuda:0") + b"K\x06NtQ"
    tensor = b"ctorch._utils\n_rebuild_tensor\n(" + storage + b"K\x00K\x02K\x03\x86K\x03K\x01\x86tR"
    state = b"\x80\x02ccollections\nOrderedDict\n]\x85R(" + text(b"conv1_1.weight") + tensor + b"u."
    numbers = np.arange(6, dtype="<f4")
    keys = b"\x80\x02]" + text(b"7") + b"a."
    content = magic + pickle.dumps(1001, 2) + system + state + keys + struct.pack("<q", 6) + numbers.tobytes()
    (tmp_path / "old.pth").write_bytes(content)
    assert np.array_equal(read_file(tmp_path / "old.pth").arrays["conv1_1.weight"], numbers.reshape(2, 3))


def test_a_tensor_beyond_its_storage_is_refused(tmp_path):
    good = save_torch({"a": torch.zeros(2, 3)}, _use_new_zipfile_serialization=False)
    with_shape = good.replace(b"K\x00K\x02K\x03\x86", b"K\x00K\x02K\x09\x86")
    with_stride = good.replace(b"K\x03K\x01\x86", b"K\xf3K\x01\x86")
    for content in (with_shape, with_stride):
        assert content != good
        (tmp_path / "x.pth").write_bytes(content)
        with pytest.raises(DataError, match=r"x\.pth: a: got 6 numbers for the shape"):
            read_file(tmp_path / "x.pth")
