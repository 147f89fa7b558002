"""The layers that are compared with real Caffe, with the corners of each."""

from __future__ import annotations

from tests.oracle.layer_case import LayerCase
from tests.oracle.tables import arithmetic, filters, losses, neurons, normalisation, pooling, recurrent, shapes

TABLES = (arithmetic, filters, losses, neurons, normalisation, pooling, recurrent, shapes)


def all_layers() -> list[LayerCase]:
    """All tables as one."""
    return [case for module in TABLES for case in module.table()]
