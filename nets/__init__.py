"""WHAT is computed: every net of the project, as a NetParameter for each of its phases.

idioms      how single layers are written
vgg alexnet googlenet   trunks: the layers of a classifier up to its last
fcn         one head that makes every FCN out of a trunk
ilsvrc      the classifiers that FCNs start from
data        what a net must be told of a data set

To add an FCN: a row in `fcn.FCNS`. To add a trunk: a file beside vgg.py, then a row.
"""

from __future__ import annotations

from typing import Any

from nets.data import Data
from nets.fcn import FCNS, fcn
from nets.ilsvrc import CLASSIFIERS, CONVOLUTIONAL, Ilsvrc2012, classifier, convolutional

PHASES = ("train", "val", "deploy")
NETS = (*FCNS, *CLASSIFIERS, *CONVOLUTIONAL)


def build(net: str, phase: str, data: Data | None = None, normalize: bool = False) -> Any:
    """The NetParameter of a net by name, for the phase train, val or deploy.

    `data` may be left out for ILSVRC classifiers; `normalize` divides an FCN's loss by the number of labelled pixels.

    Raises   ValueError for an unknown net or phase, naming the known, and where a net needs data and has none.
    """
    if phase not in PHASES:
        raise ValueError(f"no phase {phase!r}; there are {', '.join(PHASES)}")
    if net not in NETS:
        raise ValueError(f"no net {net!r}; there are {', '.join(NETS)}")
    if net in CONVOLUTIONAL and phase != "deploy":
        raise ValueError(f"the net {net!r} takes weights over and does not learn; build it for deploy")
    if net in FCNS and data is not None:
        return fcn(FCNS[net], phase, data, normalize)
    known = CLASSIFIERS.get(CONVOLUTIONAL.get(net, net))
    reads: Data | Ilsvrc2012 | None = data or (known.reads if known else None)
    if known is None or reads is None:
        raise ValueError(f"the net {net!r} needs a data set: its classes, and what each phase reads")
    return convolutional(known, reads) if net in CONVOLUTIONAL else classifier(known, phase, reads)
