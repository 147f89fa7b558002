"""Write the files that backends read: a net with random weights in every format, and random images."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Sequence

import numpy as np
from google.protobuf import text_format
from PIL import Image

from fcn_repro.analysis.benchmark.backends import DECAY, MOMENTUM, RATE
from fcn_repro.analysis.benchmark.files import BenchmarkFiles
from fcn_repro.datasets.data_set import LayerSpec
from fcn_repro.datasets.voc import MEAN_BGR, voc_files
from fcn_repro.drawing.palette import save_label
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model import surgery
from fcn_repro.model.deploy_metadata import DeployMetadata
from fcn_repro.model.exchange import onnx_files, torch_module
from fcn_repro.model.exchange.graph import build_graph
from fcn_repro.model.prototxt import read_net
from fcn_repro.system.atomic_write import atomic_write

SEED = 0
IMAGES = 6
SOLVER = (
    'train_net: "{train}" base_lr: {rate} lr_policy: "fixed" momentum: {momentum} weight_decay: {decay} '
    'max_iter: 1000000 snapshot_prefix: "{prefix}" random_seed: 1\n'
)


def voc_layer(files: BenchmarkFiles, split: str) -> LayerSpec:
    """Return the data layer that reads the random images."""
    params = {"voc_dir": str(files.path / "images"), "split": split, "mean": MEAN_BGR, "seed": 1337}
    return LayerSpec("voc_layers", "VOCSegDataLayer", params)


def prepare(files: BenchmarkFiles, deploy: Any, train: Any, val: Any, size: Sequence[int]) -> None:
    """Write every file; `train` and `val` read images by `voc_layer`, of `size`, height and width."""
    files.from_disk.mkdir(parents=True, exist_ok=True)
    classes = _write_net(files, deploy)
    random = np.random.default_rng(SEED)
    np.save(str(files.image), random.uniform(-120, 130, (1, 3, *size)).astype(np.float32))
    np.save(str(files.label), random.integers(0, classes, (1, 1, *size)).astype(np.float32))
    _write_images(files, classes, size, random)
    _write_solvers(files, train, val, size)


def export(files: BenchmarkFiles, metadata: DeployMetadata) -> str | None:
    """Write the net as ONNX and as a PyTorch module; returns why ONNX is not available, or None."""
    net = caffe.Net(str(files.deploy), caffe.TEST, weights=str(files.weights))
    steps = build_graph(read_net(files.deploy), net)
    from fcn_repro.model.exchange import torch_files

    torch_files.write_state_dict(files.module.with_suffix(".pt"), torch_module.build_state_dict(steps))
    with atomic_write(files.module) as file:
        file.write(torch_module.generate_source("net", steps, metadata))
    try:
        onnx_files.write(files.onnx, steps, metadata)
    except DataError as reason:
        return str(reason)
    return None


def _write_net(files: BenchmarkFiles, deploy: Any) -> int:
    """Write deploy.prototxt and weights as large as trained ones; returns the number of classes."""
    _write(files.deploy, text_format.MessageToString(deploy))
    net = caffe.Net(str(files.deploy), caffe.TEST)
    random = np.random.default_rng(SEED)
    upsampling = surgery.find_upsampling_layers(net)  # they interpolate, as in trained nets
    for name, blobs in net.params.items():
        if name in upsampling:
            continue
        weights = blobs[0].data
        weights[...] = random.standard_normal(weights.shape, np.float32) * np.sqrt(2 / weights[0].size)
        if len(blobs) > 1:
            blobs[1].data[...] = 0.1 * random.standard_normal(blobs[1].data.shape, np.float32)
    surgery.interp(net, upsampling)
    surgery.save(net, files.weights)
    return int(net.blobs["score"].shape[1])


def _write_images(files: BenchmarkFiles, classes: int, size: Sequence[int], random: np.random.Generator) -> None:
    root = files.path / "images"
    items = [f"image{i}" for i in range(IMAGES)]
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


def _write_solvers(files: BenchmarkFiles, train: Any, val: Any, size: Sequence[int]) -> None:
    fed = type(train)()
    fed.CopyFrom(train)
    data = fed.layer[0]
    data.ClearField("python_param")
    data.type = "Input"
    for channels in (3, 1):
        data.input_param.shape.add(dim=[1, channels, *size])
    texts = {
        files.train: text_format.MessageToString(fed),
        files.from_disk / "train.prototxt": text_format.MessageToString(train),
        files.from_disk / "val.prototxt": text_format.MessageToString(val),
        files.solver: _solver(files.train, files.path),
        files.from_disk / "solver.prototxt": _solver(files.from_disk / "train.prototxt", files.from_disk),
    }
    for path, text in texts.items():
        _write(path, text)


def _solver(train: Path, folder: Path) -> str:
    prefix = folder / "snapshot"
    return SOLVER.format(train=train, rate=RATE, momentum=MOMENTUM, decay=DECAY, prefix=prefix)


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as file:
        file.write(text)
