"""The definition of every net, as a NetParameter for each of its phases.

idioms                  how single layers are written
vgg alexnet googlenet   trunks: the layers of a classifier up to its last
fcn                     the heads that make an FCN from a trunk
ilsvrc                  the classifiers that FCNs start from
data                    what a net needs from a data set

To add an FCN: a row in `fcn.FCNS`. To add a trunk: a file beside vgg.py, then a row.
"""

from __future__ import annotations

from typing import Any

from nets.data import Data
from nets.fcn import FCNS, build_fcn
from nets.ilsvrc import CLASSIFIERS, CONVOLUTIONAL, Ilsvrc2012, build_classifier, build_convolutional

PHASES = ("train", "val", "deploy")
NETS = (*FCNS, *CLASSIFIERS, *CONVOLUTIONAL)


def build(net: str, phase: str, data: Data | None = None, normalize: bool = False) -> Any:
    """Build the NetParameter of a net by name, for the phase train, val or deploy.

    ILSVRC classifiers need no `data`; `normalize` divides an FCN's loss by the number of labelled pixels.

    Raises   ValueError for an unknown net or phase, and for a net that needs data and gets none
    """
    if phase not in PHASES:
        raise ValueError(f"no phase {phase!r}; expected one of {', '.join(PHASES)}")
    if net not in NETS:
        raise ValueError(f"no net {net!r}; expected one of {', '.join(NETS)}")
    if net in CONVOLUTIONAL and phase != "deploy":
        raise ValueError(f"the net {net!r} takes weights over and is not trained; build it for deploy")
    if net in FCNS and data is not None:
        return build_fcn(FCNS[net], phase, data, normalize)
    known = CLASSIFIERS.get(CONVOLUTIONAL.get(net, net))
    reads: Data | Ilsvrc2012 | None = data or (known.reads if known else None)
    if known is None or reads is None:
        raise ValueError(f"the net {net!r} needs a data set: its classes, and the data layer of each phase")
    return build_convolutional(known, reads) if net in CONVOLUTIONAL else build_classifier(known, phase, reads)
