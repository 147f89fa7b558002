"""The data sets by name, and the names that prototxts know their layers' modules by.

To add one: a file here with its facts, layers and `prepare`, then a row in each table below. Those that people brought
along (`tools.adopt`) are in the tables, too.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Callable, Mapping

from fcn_repro.datasets import nyud, pascal_context, siftflow, smoke, voc
from fcn_repro.datasets.base import DataSet
from fcn_repro.datasets.mini import mini, mini_depth
from fcn_repro.datasets.user import user_dataset
from fcn_repro.datasets.user.registry import adoptions

DATASETS = {
    "voc": voc.VOC,
    "voc2011": voc.VOC2011,
    "voc2012": voc.VOC2012,
    "nyud": nyud.facts("color", "depth", "hha"),  # to be looked through: no net sees all of it
    "nyud-color": nyud.facts("color"),
    "nyud-hha": nyud.facts("hha"),
    "nyud-color-d": nyud.facts("color", "depth"),
    "nyud-color-hha": nyud.facts("color", "hha"),
    "siftflow": siftflow.SIFTFLOW,
    "pascalcontext": pascal_context.PASCAL_CONTEXT,
    "smoke": smoke.SMOKE,
    "mini": mini.MINI,
    "mini-objects": mini.OBJECTS,
    "mini-color": mini_depth.facts("color"),
    "mini-hha": mini_depth.facts("hha"),
    "mini-color-d": mini_depth.facts("color", "depth"),
    "mini-color-hha": mini_depth.facts("color", "hha"),
    **{note.name: user_dataset.facts(note) for note in adoptions()},
}

PREPARE: Mapping[str, Callable[[], Mapping[str, int]]] = {
    "voc": voc.prepare,
    "voc2011": partial(voc.prepare_alone, voc.VOC2011),
    "voc2012": partial(voc.prepare_alone, voc.VOC2012),
    "voc2011-test": partial(voc.prepare_test, voc.VOC2011, voc.TESTS["voc2011"]),
    "voc2012-test": partial(voc.prepare_test, voc.VOC2012, voc.TESTS["voc2012"]),
    "nyud": nyud.prepare,
    "siftflow": siftflow.prepare,
    "pascalcontext": pascal_context.prepare,
    "smoke": smoke.prepare,
    "mini": mini.prepare,
    "mini-objects": mini.prepare,
    "mini-depth": mini_depth.prepare,
    **{note.name: partial(user_dataset.prepare, note) for note in adoptions()},
}

MODULES = {
    "voc_layers": voc,
    "nyud_layers": nyud,
    "siftflow_layers": siftflow,
    "pascalcontext_layers": pascal_context,
    "mini_layers": mini,
    "mini_depth_layers": mini_depth,
    "adopted_layers": user_dataset,
}


def register() -> None:
    """Make `module: "voc_layers"` and the like resolve, in both engines: call this before a net is built."""
    sys.modules.update(MODULES)


__all__ = ["DATASETS", "DataSet", "MODULES", "PREPARE", "register"]
