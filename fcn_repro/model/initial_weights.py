"""The first weights of a net: those of runs and classifiers before it, by layer name.

Where a layer's name says that it is another, altered, its weights are made from the other's (`ALTERED`). Where a net
has several trunks, each takes the weights of a net of its own: conv1_1color those of conv1_1 in the source "color".

Source   reference 1305c73, solve.py of every directory
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Mapping

from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model import surgery
from fcn_repro.model.run_folder import RunFolder, net_of

ALTERED = {
    "_bgrd": surgery.inflate,  # reads depth beside blue, green and red
    "_14x14": surgery.spread,  # sees the same pixels at half the stride
}

logger = logging.getLogger(__name__)


def initialise(net: caffe.Net, init: Mapping[str, Path]) -> None:
    """Give a net bilinear filters for its upsampling layers, then the weights of each source.

    `init` has files of weights by the suffix of the layers they are for; what no source has is as the fillers made it.

    Raises   DataError when a file is missing, does not fit, or leaves a layer below the scores without weights
    """
    surgery.interp(net, surgery.upsampling_layers(net))  # first, as the filters of a source may have been learnt
    for suffix, weights in init.items():
        if not weights.exists():
            raise DataError(
                f"{weights}: missing; expected the weights to start from. Make them: make {_target(weights)}"
            )
        if suffix:
            logger.info("%s\n%s", weights, surgery.transplant(net, _source(weights), suffix))
        else:
            _copy(net, weights)
    surgery.check_weights(net, ", ".join(map(str, init.values())))


def _copy(net: caffe.Net, weights: Path) -> None:
    """Copy what has the same name, and alter what is to be altered."""
    try:
        net.copy_from(str(weights))
    except RuntimeError as error:
        raise DataError(
            f"{weights}: {error}\nThese are not the weights of this net. If they are a classifier's, "
            "convolutionalise them first (python -m tools.convolutionalise --help)."
        ) from error
    names = [(name, ending) for name in net.params for ending in ALTERED if name.endswith(ending)]
    if names:
        source = _source(weights)
        for name, ending in names:
            origin = name[: -len(ending)]
            if name not in source.params and origin in source.params:
                ALTERED[ending](net, name, source, origin)


def _source(weights: Path) -> caffe.Net:
    """The net that a file of weights is of."""
    prototxt = net_of(weights)
    if not prototxt.exists():
        name = _target(weights)
        raise DataError(f"{prototxt}: missing; expected the net that {weights} is of: python -m tools.emit {name}")
    return caffe.Net(str(prototxt), caffe.TEST, weights=str(weights))


def _target(weights: Path) -> str:
    """The make target that writes a file of weights: build/voc-fcn32s/final.caffemodel, build/vgg16-fcn.caffemodel."""
    return weights.parent.name if weights.name == RunFolder("").final.name else weights.stem
