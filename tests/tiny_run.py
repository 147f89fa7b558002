"""A whole experiment in miniature: images and labels in VOC's format, a small net, a solver; a round takes a moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from fcn_repro.datasets.voc import VOC
from fcn_repro.folder import RunFolder
from fcn_repro.palette import save_label

SIZES = ((20, 24), (24, 18), (22, 22), (18, 26))  # height, width

DATA = """
layer {{ name: "data" type: "Python" top: "data" top: "label" python_param {{
  module: "voc_layers" layer: "VOCSegDataLayer"
  param_str: "{{'voc_dir': '{voc}', 'split': '{split}', 'mean': {mean}, 'seed': 1337}}" }} }}
"""

BODY = """
layer {{ name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  param {{ lr_mult: 1 decay_mult: 1 }} param {{ lr_mult: 2 decay_mult: 0 }}
  convolution_param {{ num_output: 6 kernel_size: 3 pad: 10 weight_filler {{ type: "gaussian" std: 0.02 }} }} }}
layer {{ name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }}
layer {{ name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1" pooling_param {{ kernel_size: 2 stride: 2 }} }}
{dropout}
layer {{ name: "score_fr" type: "Convolution" bottom: "pool1" top: "score_fr"
  param {{ lr_mult: 1 decay_mult: 1 }} param {{ lr_mult: 2 decay_mult: 0 }}
  convolution_param {{ num_output: 21 kernel_size: 1 }} }}
layer {{ name: "upscore" type: "Deconvolution" bottom: "score_fr" top: "upscore" param {{ lr_mult: 0 }}
  convolution_param {{ num_output: 21 kernel_size: 4 stride: 2 bias_term: false }} }}
layer {{ name: "score" type: "Crop" bottom: "upscore" bottom: "data" top: "score" crop_param {{ axis: 2 offset: 10 }} }}
"""

LOSS = """
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "score" bottom: "label" top: "loss"
  loss_param {{ ignore_label: 255 normalize: {normalize} }} }}
"""

NET = DATA + BODY + LOSS
DEPLOY = """
layer { name: "input" type: "Input" top: "data" input_param { shape { dim: [1, 3, 500, 500] } } }
""" + BODY.format(dropout="")

DROPOUT = (
    """layer { name: "drop1" type: "Dropout" bottom: "pool1" top: "pool1" dropout_param { dropout_ratio: 0.5 } }"""
)

SOLVER = """
train_net: "{train}" test_net: "{val}" test_iter: 4 test_interval: 999999999 test_initialization: false
base_lr: {base_lr} lr_policy: "fixed" momentum: {momentum} weight_decay: 0.0005 iter_size: {iter_size}
max_iter: 1000 snapshot: {snapshot} snapshot_prefix: "{prefix}" random_seed: 3
"""


def write_voc(root: Path) -> Path:
    """Four images: a bright square (class 1) or disc (class 15) on a dark ground, edged with void."""
    random = np.random.default_rng(5)
    voc = root / "VOC"
    for folder in ("ImageSets/Segmentation", "JPEGImages", "SegmentationClass"):
        (voc / folder).mkdir(parents=True)
    for i, (height, width) in enumerate(SIZES):
        label = np.zeros((height, width), np.uint8)
        label[4:14, 4:14] = 255
        label[5:13, 5:13] = (1, 15)[i % 2]
        image = random.integers(0, 40, (height, width, 3)) + np.where(label == 1, 200, 0)[..., None] * [1, 0, 0]
        image = image + np.where(label == 15, 200, 0)[..., None] * [0, 0, 1]
        Image.fromarray(image.astype(np.uint8)).save(voc / "JPEGImages" / f"2011_00000{i}.jpg", quality=95)
        save_label(voc / "SegmentationClass" / f"2011_00000{i}.png", label)
    for split in ("train", "val"):
        ids = "".join(f"2011_00000{i}\n" for i in range(len(SIZES)))
        (voc / "ImageSets/Segmentation" / f"{split}.txt").write_text(ids)
    return voc


def write_run(
    root: Path,
    experiment: str = "tiny",
    voc: Path | None = None,
    dropout: bool = True,
    normalize: bool = False,
    base_lr: float = 1e-5,
    momentum: float = 0.9,
    iter_size: int = 1,
    snapshot: int = 5,
) -> RunFolder:
    """The prototxts of a run under `root`/build."""
    voc = voc or write_voc(root)
    folder = RunFolder(experiment, root / "build")
    folder.path.mkdir(parents=True)
    fields = {
        "voc": voc,
        "mean": VOC.mean_bgr,
        "dropout": DROPOUT if dropout else "",
        "normalize": str(normalize).lower(),
    }
    folder.train.write_text(NET.format(split="train", **fields))
    folder.val.write_text(NET.format(split="val", **fields))
    solver = SOLVER.format(
        train=folder.train,
        val=folder.val,
        prefix=folder.snapshot_prefix,
        base_lr=base_lr,
        momentum=momentum,
        iter_size=iter_size,
        snapshot=snapshot,
    )
    folder.solver.write_text(solver)
    return folder
