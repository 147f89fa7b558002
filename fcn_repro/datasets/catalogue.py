"""The table of data sets: facts, preparation, and the module names that prototxts use.

To add a data set: write a file in this folder with its facts, its layer and `prepare`, then add a row to each table.
User data sets (tools.user_dataset) appear in the tables as soon as they exist; a lookup reads their notes.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Callable, Iterator, Mapping, TypeVar

from fcn_repro.datasets import nyud, pascal_context, siftflow, smoke, stored_features, voc
from fcn_repro.datasets.mini import mini, mini_depth, mini_geometry
from fcn_repro.datasets.user import registry, user_dataset
from fcn_repro.datasets.user.registry import UserDataset

Row = TypeVar("Row")


class _Table(Mapping[str, Row]):
    """Rows by name: built-in rows, then a row for each user data set that exists at the time of the lookup."""

    def __init__(self, built_in: Mapping[str, Row], make_row: Callable[[UserDataset], Row]) -> None:
        self._built_in, self._make_row = built_in, make_row

    def __getitem__(self, name: str) -> Row:
        if name in self._built_in:
            return self._built_in[name]
        if not registry.is_registered(name):
            raise KeyError(name)
        return self._make_row(registry.read_user_dataset(name))

    def __contains__(self, name: object) -> bool:
        return name in self._built_in or registry.is_registered(str(name))

    def __iter__(self) -> Iterator[str]:
        return iter([*self._built_in, *(note.name for note in registry.list_user_datasets())])

    def __len__(self) -> int:
        return len(list(iter(self)))


DATASETS = _Table(
    {
        "voc": voc.VOC,
        "voc2011": voc.VOC2011,
        "voc2012": voc.VOC2012,
        "nyud": nyud.make_facts("color", "depth", "hha"),  # for tools.validate_data: no net takes all inputs
        "nyud-color": nyud.make_facts("color"),
        "nyud-hha": nyud.make_facts("hha"),
        "nyud-color-d": nyud.make_facts("color", "depth"),
        "nyud-color-hha": nyud.make_facts("color", "hha"),
        "siftflow": siftflow.SIFTFLOW,
        "pascalcontext": pascal_context.PASCAL_CONTEXT,
        "smoke": smoke.SMOKE,
        "mini": mini.MINI,
        "mini-objects": mini.OBJECTS,
        "mini-color": mini_depth.make_facts("color"),
        "mini-hha": mini_depth.make_facts("hha"),
        "mini-color-d": mini_depth.make_facts("color", "depth"),
        "mini-color-hha": mini_depth.make_facts("color", "hha"),
        "mini-sem": mini_geometry.make_facts("sem"),
        "mini-geo": mini_geometry.make_facts("geo"),
        "mini-sem-geo": mini_geometry.make_facts("sem", "geo"),
    },
    user_dataset.make_facts,
)

PREPARE: Mapping[str, Callable[[], Mapping[str, int]]] = _Table(
    {
        "voc": voc.prepare,
        "voc2011": partial(voc.prepare_year, voc.VOC2011),
        "voc2012": partial(voc.prepare_year, voc.VOC2012),
        "voc2011-test": partial(voc.prepare_test, voc.VOC2011, voc.TESTS["voc2011"]),
        "voc2012-test": partial(voc.prepare_test, voc.VOC2012, voc.TESTS["voc2012"]),
        "nyud": nyud.prepare,
        "siftflow": siftflow.prepare,
        "pascalcontext": pascal_context.prepare,
        "smoke": smoke.prepare,
        "mini": mini.prepare,
        "mini-objects": mini.prepare,
        "mini-depth": mini_depth.prepare,
        "mini-geometry": mini_geometry.prepare,
    },
    lambda note: partial(user_dataset.prepare, note),
)

MODULES = {
    "voc_layers": voc,
    "nyud_layers": nyud,
    "siftflow_layers": siftflow,
    "pascalcontext_layers": pascal_context,
    "mini_layers": mini,
    "mini_depth_layers": mini_depth,
    "mini_geometry_layers": mini_geometry,
    stored_features.MODULE: stored_features,
    "adopted_layers": user_dataset,  # the name in prototxts of older runs
}


def register() -> None:
    """Make `module: "voc_layers"` and the like importable, for both engines. Call this before building a net."""
    sys.modules.update(MODULES)
