"""Readers of untrusted files as functions of bytes, and small valid files to start from.

Contract of every reader: for any bytes it returns, or raises an error of this project.
"""

import io
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import scipy.io
from PIL import Image

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2, caffemodel, prototxt, solverstate, stored_blob
from fcn_repro.datasets import file_readers, photo, voc
from fcn_repro.datasets.download import unpack
from fcn_repro.datasets.user import class_list, colour_table, polygons, registry
from fcn_repro.errors import DataError
from fcn_repro.model.exchange.weight_files import identify
from tests.fixtures import foreign_weights

OURS = (CaffeError, DataError, ValueError)

NET = """name: "n" layer { name: "d" type: "Input" top: "d" input_param { shape { dim: [1, 3, 4, 4] } } }
layer { name: "c" type: "Convolution" bottom: "d" top: "c" convolution_param { num_output: 2 kernel_size: 1 } }"""


def _list(path: Path) -> None:
    for item in file_readers.read_list(path):
        assert (path.parent / item).resolve().is_relative_to(path.parent.resolve())


def _weights(path: Path) -> None:
    for layer in caffemodel.read(path):
        for blob in layer.blobs:
            blob.check_count()


def _archive(path: Path) -> None:
    out = path.parent / "out" / "place"
    unpack.unpack(path, {"top/": out}, limit_bytes=1 << 20)
    assert all(found.resolve().is_relative_to(out.resolve()) for found in out.rglob("*"))


def _note(path: Path) -> None:
    folder = path.parent / "cells"
    folder.mkdir(exist_ok=True)
    (folder / registry.NOTE).write_bytes(path.read_bytes())
    before, registry.USER_DATASETS = registry.USER_DATASETS, path.parent
    try:
        assert registry.read_user_dataset("cells").name == "cells"
    finally:
        registry.USER_DATASETS = before


def _labelme(path: Path) -> None:
    outlines = polygons.read_labelme(path)
    if outlines.hw[0] * outlines.hw[1] < 1_000_000:
        polygons.draw_outlines(path, outlines, ("background", "cell"))


def _param_str(path: Path) -> None:
    layer = voc.VOCSegDataLayer.__new__(voc.VOCSegDataLayer)
    layer._parse(path.read_bytes().decode("utf-8", "replace"))


TARGETS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "prototxt": ("a.prototxt", prototxt.read_net),
    "solver": ("solver.prototxt", prototxt.read_solver),
    "caffemodel": ("a.caffemodel", _weights),
    "solverstate": ("a.solverstate", solverstate.read),
    "solverstate_hdf5": ("a.solverstate.h5", solverstate.read),
    "binaryproto": ("mean.binaryproto", stored_blob.read_blob_file),
    "mat": ("a.mat", lambda path: file_readers.read_mat(path, "GTcls", "Segmentation")),
    "label": ("a.png", file_readers.read_indexed),
    "photograph": ("a.jpg", photo.read_photo),
    "archive": ("a.tar.gz", _archive),
    "list": ("train.txt", _list),
    "colours": ("colours.csv", lambda path: colour_table.read_table(path, ["background", "cell"])),
    "classes": ("classes.txt", class_list.read_classes),
    "labelme": ("a.json", _labelme),
    "coco": ("coco.json", polygons.read_coco),
    "weights": ("weights.bin", identify.read_file),
    "note": ("dataset.json", _note),
    "param_str": ("param_str", _param_str),
}


def run(target: str, data: bytes, folder: Path) -> bool:
    """Read bytes as a target does, in a folder of their own; whether they were taken. Anything else is a finding."""
    name, read = TARGETS[target]
    path = folder / name
    path.write_bytes(data)
    try:
        read(path)
    except OURS as error:
        assert str(error), "an error that says nothing"
        return False
    return True


def seeds(target: str) -> list[bytes]:
    """Small files that the target takes."""
    return [make() for make in _SEEDS[target]]


def _net() -> bytes:
    layer = caffe_pb2.LayerParameter(name="c", type="Convolution", bottom=["d"], top=["c"])
    layer.blobs.add(data=[1.0, 2.0, 3.0]).shape.dim.extend([3, 1])
    return caffe_pb2.NetParameter(name="n", layer=[layer]).SerializeToString()


def _old_net() -> bytes:
    layer = caffe_pb2.V1LayerParameter(name="c", type=caffe_pb2.V1LayerParameter.CONVOLUTION)
    layer.blobs.add(data=[1.0, 2.0], num=1, channels=1, height=2, width=1, diff=[0.5, 0.5])
    return caffe_pb2.NetParameter(layers=[layer]).SerializeToString()


def _blob() -> bytes:
    return caffe_pb2.BlobProto(data=[1.0, 2.0], num=1, channels=2, height=1, width=1).SerializeToString()


def _state() -> bytes:
    state = caffe_pb2.SolverState(iter=20, learned_net="a.caffemodel", current_step=1)
    state.history.add(data=[1.0, 2.0]).shape.dim.append(2)
    return state.SerializeToString()


def _state_hdf5() -> bytes:
    raw = io.BytesIO()
    with h5py.File(raw, "w") as file:
        file["iter"], file["current_step"] = np.array([20], np.int32), np.array([1], np.int32)
        file["learned_net"] = np.array(b"a.caffemodel\0", "S13")
        file.create_group("history")["0"] = np.ones((2, 3), np.float32)
    return raw.getvalue()


def _mat(compressed: bool) -> bytes:
    raw = io.BytesIO()
    struct = {"Segmentation": np.eye(3, dtype=np.uint8), "Boundaries": np.array([["a", 1.0]], object)}
    scipy.io.savemat(raw, {"GTcls": struct}, do_compression=compressed)
    return raw.getvalue()


def _picture(kind: str, mode: str) -> bytes:
    raw = io.BytesIO()
    Image.new(mode, (5, 4), 3).save(raw, kind)
    return raw.getvalue()


def _tar() -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        for name in ("top/a", "top/b/c", "top/" + "n" * 120):
            info = tarfile.TarInfo(name)
            info.size = 4
            tar.addfile(info, io.BytesIO(b"four"))
    return raw.getvalue()


def _zip() -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("top/a", b"four")
    return raw.getvalue()


_LAYERS = {"conv1_1": [np.ones((2, 3, 1, 1), np.float32), np.ones(2, np.float32)]}
_STATE_DICT = foreign_weights.name_state_dict(_LAYERS)
_WRITERS = (
    lambda path: foreign_weights.write_torch(path, _STATE_DICT),
    lambda path: foreign_weights.write_torch(path, _STATE_DICT, legacy=True),
    lambda path: foreign_weights.write_safetensors(path, _STATE_DICT),
    lambda path: foreign_weights.write_chainer(path, _LAYERS),
    lambda path: foreign_weights.write_keras(path, _LAYERS),
    lambda path: foreign_weights.write_simplenn(path, _LAYERS),
    lambda path: foreign_weights.write_dagnn(path, _LAYERS),
    lambda path: foreign_weights.write_caffe2_onnx(path, _LAYERS),
)


def _foreign(write: Callable[[Path], None]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "x.npz")
        (path,) = Path(folder).iterdir()  # scipy appends an ending
        return path.read_bytes()


_CELLS = registry.UserDataset("cells", "photos", "labels", ("background", "cell"), {"train": 4, "val": 1}, "voc-fcn8s")
_SEEDS: dict[str, list[Callable[[], bytes]]] = {
    "prototxt": [NET.encode, lambda: b'layers { layer { name: "c" type: "conv" num_output: 2 } bottom: "d" top: "c" }'],
    "solver": [lambda: b'net: "a.prototxt" base_lr: 1e-10 lr_policy: "fixed" solver_type: ADAM snapshot_prefix: "s"'],
    "caffemodel": [_net, _old_net],
    "solverstate": [_state],
    "solverstate_hdf5": [_state_hdf5],
    "binaryproto": [_blob],
    "mat": [lambda: _mat(False), lambda: _mat(True)],
    "label": [lambda: _picture("PNG", "P"), lambda: _picture("GIF", "L")],
    "photograph": [partial(_picture, kind, "RGB") for kind in ("JPEG", "PNG", "BMP", "TIFF", "PPM", "WEBP")],
    "archive": [_tar, _zip],
    "list": [lambda: b"2007_000033\ntrain/17\n"],
    "colours": [lambda: b"name,r,g,b\nbackground,0,0,0\ncell,255,0,0\nvoid,224,224,192\n"],
    "classes": [
        lambda: b"background\ncell\n",
        lambda: b"# label:color_rgb:parts:actions\nbackground:0,0,0::\ncell:9,0,0::\n",
        lambda: b"\xef\xbb\xbfid;name\r\n0;background\r\n1;cell\r\n",
    ],
    "labelme": [
        lambda: (
            b'{"imageHeight": 9, "imageWidth": 8, "shapes": [{"label": "cell", "points": [[1, 2], [3.5, 4], [0, 7]]}]}'
        )
    ],
    "coco": [
        lambda: (
            b'{"images": [{"id": 1, "file_name": "a.jpg", "height": 9, "width": 8}], "categories": [{"id": 2, "name": '
            b'"cell"}], "annotations": [{"image_id": 1, "category_id": 2, "segmentation": [[1, 2, 3.5, 4, 0, 7]]}]}'
        )
    ],
    "weights": [partial(_foreign, write) for write in _WRITERS],
    "note": [lambda: _CELLS.to_json().encode()],
    "param_str": [lambda: b"{'voc_dir': 'data', 'split': 'train', 'mean': (1.0, 2.0, 3.0)}"],
}
