"""The weights that were released with the CVPR paper, as weights of this project's nets.

fcn-{32s,16s,8s}-pascal.caffemodel name their score and upsampling layers otherwise: score-fr, score2, upsample. Their
layers have the order and shapes of ours. Some of their deconvolutions have a bias, and ours have none: the layer that
the deconvolution's top is added to takes it, which gives the same sum.

Source   the first README of the reference, 796c087; Caffe's model zoo
"""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np

from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model.surgery import save
from fcn_repro.system.progress import Progress

MARKS = (b"score-fr", b"score59")  # names of their first score layer
RENAMED = ("score", "up")  # prefixes of the layers that have other names there


def is_cvpr_release(weights: Path) -> bool:
    """Whether a caffemodel has the layer names of the nets of the CVPR paper."""
    if weights.suffix != ".caffemodel" or not weights.stat().st_size:
        return False
    with open(str(weights), "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(mark) >= 0 for mark in MARKS)


def convert_cvpr_weights(weights: Path, prototxt: Path, out: Path) -> None:
    """Write a caffemodel of the CVPR paper as weights of the net in `prototxt`, layer by layer in order.

    Raises   DataError naming the file: it is damaged, or its layers have other names below the scores, another number,
             other sizes, or a bias that no layer can take
    """
    net = caffe.Net(str(prototxt), caffe.TEST)
    theirs = [layer for layer in _read(weights) if layer.blobs]
    if len(theirs) != len(net.params):
        raise DataError(f"{weights}: got {len(theirs)} layers with weights; {prototxt} has {len(net.params)}")
    bias: np.ndarray = np.zeros(1, np.float32)  # of deconvolutions, for the next score layer
    with Progress(len(theirs), f"convert {weights.name}") as progress:
        for layer, (name, blobs) in zip(theirs, net.params.items()):
            values = [np.fromiter(blob.data, np.float32, len(blob.data)) for blob in layer.blobs]
            if len(values) == 2 and len(blobs) == 1:
                bias = np.add(bias, values.pop())
            elif np.any(bias) and name.startswith("score"):
                values[1] = values[1] + bias
                bias = np.zeros(1, np.float32)
            fits = layer.name == name or name.startswith(RENAMED)
            if not fits or [len(value) for value in values] != [blob.count for blob in blobs]:
                found = f"{layer.name!r} of {' and '.join(str(len(value)) for value in values)} values"
                expected = f"{name!r} of {' and '.join(str(blob.count) for blob in blobs)}"
                raise DataError(f"{weights}: got layer {found}; expected {expected}, as in {prototxt}")
            for value, blob in zip(values, blobs):
                blob.data.reshape(-1)[:] = value
            progress.advance()
    if np.any(bias):
        raise DataError(f"{weights}: the last deconvolution has a bias; expected zeros, or none")
    save(net, out)


def _read(weights: Path) -> list:
    """The layers of a caffemodel, of format V1 or V2."""
    message = caffe.proto.caffe_pb2.NetParameter()
    try:
        message.ParseFromString(weights.read_bytes())
    except Exception as error:  # DecodeError, which each protobuf has in another place
        raise DataError(f"{weights}: damaged, or not a caffemodel ({error})") from error
    return list(message.layers or message.layer)
