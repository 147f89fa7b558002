"""Writes what contenders work from: a net with random weights, in everybody's format, and random pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Sequence

import numpy as np
from google.protobuf import text_format
from PIL import Image

from fcn_repro.analysis.benchmark.backends import DECAY, MOMENTUM, RATE
from fcn_repro.analysis.benchmark.place import Place
from fcn_repro.datasets.base import DataLayer
from fcn_repro.datasets.voc import MEAN_BGR, voc_files
from fcn_repro.drawing.palette import save_label
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model import surgery
from fcn_repro.model.deploy_metadata import Deployment
from fcn_repro.model.exchange import onnx_files, torch_module
from fcn_repro.model.exchange.graph import graph
from fcn_repro.system.atomic_write import atomic_write

SEED = 0
PICTURES = 6
SOLVER = (
    'train_net: "{train}" base_lr: {rate} lr_policy: "fixed" momentum: {momentum} weight_decay: {decay} '
    'max_iter: 1000000 snapshot_prefix: "{prefix}" random_seed: 1\n'
)


def voc_layer(place: Place, split: str) -> DataLayer:
    """The data layer over the pictures, for nets that read them."""
    params = {"voc_dir": str(place.path / "pictures"), "split": split, "mean": MEAN_BGR, "seed": 1337}
    return DataLayer("voc_layers", "VOCSegDataLayer", params)


def prepare(place: Place, deploy: Any, train: Any, val: Any, size: Sequence[int]) -> None:
    """Write every file of a place; `train` and `val` read by `voc_layer`. Images are `size`, height and width."""
    place.learning.mkdir(parents=True, exist_ok=True)
    classes = _write_net(place, deploy)
    random = np.random.default_rng(SEED)
    np.save(str(place.image), random.uniform(-120, 130, (1, 3, *size)).astype(np.float32))
    np.save(str(place.label), random.integers(0, classes, (1, 1, *size)).astype(np.float32))
    _write_pictures(place, classes, size, random)
    _write_solvers(place, train, val, size)


def export(place: Place, note: Deployment) -> str | None:
    """Write the net for the other contenders; why ONNX is left out, if it is."""
    net = caffe.Net(str(place.deploy), caffe.TEST, weights=str(place.weights))
    message = text_format.Merge(place.deploy.read_text(encoding="utf-8"), caffe.proto.caffe_pb2.NetParameter())
    steps = graph(message, net)
    from fcn_repro.model.exchange import torch_files

    torch_files.write_state_dict(place.module.with_suffix(".pt"), torch_module.state_dict(steps))
    with atomic_write(place.module) as file:
        file.write(torch_module.source("net", steps, note))
    try:
        onnx_files.write(place.onnx, steps, note)
    except DataError as reason:
        return str(reason)
    return None


def _write_net(place: Place, deploy: Any) -> int:
    """Write deploy.prototxt and weights of the size that trained ones have; how many classes there are."""
    _write(place.deploy, text_format.MessageToString(deploy))
    net = caffe.Net(str(place.deploy), caffe.TEST)
    random = np.random.default_rng(SEED)
    upsampling = surgery.upsampling_layers(net)  # in trained nets they interpolate, and mix no classes
    for name, blobs in net.params.items():
        if name in upsampling:
            continue
        weights = blobs[0].data
        weights[...] = random.standard_normal(weights.shape, np.float32) * np.sqrt(2 / weights[0].size)
        if len(blobs) > 1:
            blobs[1].data[...] = 0.1 * random.standard_normal(blobs[1].data.shape, np.float32)
    surgery.interp(net, upsampling)
    surgery.save(net, place.weights)
    return int(net.blobs["score"].shape[1])


def _write_pictures(place: Place, classes: int, size: Sequence[int], random: np.random.Generator) -> None:
    root = place.path / "pictures"
    items = [f"picture{i}" for i in range(PICTURES)]
    for item in items:
        image_path, label_path = voc_files(root, item)
        image_path.parent.mkdir(parents=True, exist_ok=True)
        coarse = random.integers(0, 256, (*(side // 20 + 1 for side in size), 3)).astype(np.uint8)
        Image.fromarray(coarse).resize((size[1], size[0]), Image.Resampling.BICUBIC).save(str(image_path), quality=95)
        save_label(label_path, random.integers(0, classes, size))
    for split in "train", "val":
        path = root / "ImageSets" / "Segmentation" / f"{split}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, "".join(f"{item}\n" for item in items))


def _write_solvers(place: Place, train: Any, val: Any, size: Sequence[int]) -> None:
    fed = type(train)()
    fed.CopyFrom(train)
    data = fed.layer[0]
    data.ClearField("python_param")
    data.type = "Input"
    for channels in (3, 1):
        data.input_param.shape.add(dim=[1, channels, *size])
    texts = {
        place.train: text_format.MessageToString(fed),
        place.learning / "train.prototxt": text_format.MessageToString(train),
        place.learning / "val.prototxt": text_format.MessageToString(val),
        place.solver: _solver(place.train, place.path),
        place.learning / "solver.prototxt": _solver(place.learning / "train.prototxt", place.learning),
    }
    for path, text in texts.items():
        _write(path, text)


def _solver(train: Path, folder: Path) -> str:
    prefix = folder / "snapshot"
    return SOLVER.format(train=train, rate=RATE, momentum=MOMENTUM, decay=DECAY, prefix=prefix)


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as file:
        file.write(text)
