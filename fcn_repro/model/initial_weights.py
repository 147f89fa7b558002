"""The initial weights of a run: those of earlier runs and classifiers, by layer name.

A name with an ending of `ALTERED` marks a layer made from another one's weights. The ending `NARROW` of a source's
layer marks one that a wider layer of the net starts from. In a net with several trunks, each
takes the weights of its own source: conv1_1color those of conv1_1 in the source "color".

Source   reference 1305c73, solve.py of every directory
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Mapping

from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model import surgery
from fcn_repro.model.prototxt import read_net
from fcn_repro.model.run_folder import RunFolder, prototxt_of

NARROW = "_narrow"
ALTERED = {
    "_bgrd": surgery.add_channels,  # reads depth beside blue, green and red
    "_14x14": surgery.double_kernel,  # covers the same pixels at half the stride
}

logger = logging.getLogger(__name__)


def initialise(net: caffe.Net, init: Mapping[str, Path]) -> None:
    """Give a net bilinear upsampling filters, then the weights of each source.

    `init` maps layer name suffixes to weight files. Layers without a source keep their fillers' values.

    Raises   DataError if a file is missing, does not fit, or leaves a layer below the scores without weights
    """
    surgery.interp(net, surgery.find_upsampling_layers(net))  # first: a source may have trained filters
    for suffix, weights in init.items():
        if not weights.exists():
            raise DataError(f"{weights}: missing; expected the initial weights. Fix: make {_target(weights)}")
        if suffix:
            logger.info("%s\n%s", weights, surgery.transplant(net, _load_source(weights), suffix))
        else:
            _copy(net, weights)
    surgery.check_weights(net, ", ".join(map(str, init.values())))


def _copy(net: caffe.Net, weights: Path) -> None:
    """Copy the layers of equal names, and make the altered ones."""
    try:
        net.copy_from(str(weights))
    except RuntimeError as error:
        raise DataError(
            f"{weights}: {error}\nThese weights do not fit this net. For a classifier's weights, "
            "convolutionalise them first: python -m tools.convolutionalise --help"
        ) from error
    altered = [(name, ending) for name in net.params for ending in ALTERED if name.endswith(ending)]
    prototxt = prototxt_of(weights)
    given = {layer.name for layer in read_net(prototxt).layer} if prototxt.exists() else set()
    wider = [name for name in net.params if f"{name}{NARROW}" in given]
    if altered or wider:
        source = _load_source(weights)
        for name in wider:
            surgery.widen(net, name, source, f"{name}{NARROW}")
        for name, ending in altered:
            origin = name[: -len(ending)]
            if name not in source.params and origin in source.params:
                ALTERED[ending](net, name, source, origin)


def _load_source(weights: Path) -> caffe.Net:
    """Load the net that a file of weights belongs to."""
    prototxt = prototxt_of(weights)
    if not prototxt.exists():
        name = _target(weights)
        raise DataError(f"{prototxt}: missing; expected the net of {weights}. Fix: python -m tools.emit {name}")
    return caffe.Net(str(prototxt), caffe.TEST, weights=str(weights))


def _target(weights: Path) -> str:
    """Return the make target that writes build/voc-fcn32s/final.caffemodel or build/vgg16-fcn.caffemodel."""
    return weights.parent.name if weights.name == RunFolder("").final.name else weights.stem
