"""The data sets by name, and the names that prototxts know their layers' modules by.

To add one: a file here with its facts, layers and `prepare`, then a row in each table below.
"""

from __future__ import annotations

import sys

from fcn_repro.datasets import voc
from fcn_repro.datasets.base import DataSet

DATASETS = {facts.name: facts for facts in (voc.VOC,)}

PREPARE = {"voc": voc.prepare}

MODULES = {"voc_layers": voc}


def register() -> None:
    """Make `module: "voc_layers"` and the like resolve, in both engines: call this before a net is built."""
    sys.modules.update(MODULES)


__all__ = ["DATASETS", "DataSet", "MODULES", "PREPARE", "register"]
