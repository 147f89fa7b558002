"""Data sets: their facts, the layers that serve them, and their preparation.

Start with `catalogue.py`, the table of all data sets. One file each: voc, nyud, siftflow, pascal_context, smoke.
`data_set.py` holds the facts, `data_layer.py` the layer that feeds a net. `download/` fetches and unpacks archives,
`user/` handles users' data sets, `mini/` composes the mini data set.

Importing this package reads no file and imports neither numpy nor an engine. The names below load on first access.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fcn_repro.datasets.data_set import DataSet

if TYPE_CHECKING:
    from fcn_repro.datasets.catalogue import DATASETS, MODULES, PREPARE, register

__all__ = ["DATASETS", "DataSet", "MODULES", "PREPARE", "register"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fcn_repro.datasets import catalogue

    return getattr(catalogue, name)
