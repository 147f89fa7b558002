"""Weights that let something through: for classifiers that no test could train."""

from __future__ import annotations

import numpy as np

from fcn_repro import surgery
from fcn_repro.engine import caffe
from fcn_repro.folder import BUILD, RunFolder, converted
from tools import emit


def write_classifier(name: str, contrast: float = 1) -> None:
    """A convolutional classifier's prototxt and weights, in the working directory, as `make` leaves them.

    `contrast` scales what the first layer makes of an image.
    """
    emit.emit_classifier(name)
    net = caffe.Net(str(RunFolder(name, BUILD / "ilsvrc").deploy), caffe.TEST)
    random = np.random.default_rng(0)
    for blobs in net.params.values():
        fan_in = blobs[0].count / blobs[0].num
        blobs[0].data[...] = random.normal(0, np.sqrt(2 / fan_in), blobs[0].data.shape)
        blobs[1].data[...] = random.normal(0, 0.1, blobs[1].data.shape)
    first = next(iter(net.params.values()))
    first[0].data[...] *= contrast
    surgery.save(net, converted(name))
