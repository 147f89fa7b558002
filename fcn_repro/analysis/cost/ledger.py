"""Measurements of a net at a size, in files: JSON with the conditions, and the layers as CSV."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, Mapping, Sequence

from fcn_repro.analysis.cost.costs import LayerCost
from fcn_repro.system.atomic_write import atomic_write

MS = 1e3

Record = Mapping[str, Any]  # passes, machine, and the fields of fcn_repro.analysis.cost.measurement.Measurement


def write_record(stem: Path, costs: Sequence[LayerCost], record: Record) -> None:
    """Write STEM.json and STEM.csv."""
    layers = [_list_fields(cost) for cost in costs]
    for layer, forward, backward in zip(layers, record["layers_forward_s"], record["layers_backward_s"]):
        layer.update(forward_ms=MS * forward, backward_ms=MS * backward)
    write_csv(stem.with_suffix(".csv"), layers)
    with atomic_write(stem.with_suffix(".json")) as file:
        json.dump(record, file, indent=1)


def find_record(stem: Path, conditions: Mapping[str, object], passes: int) -> Record | None:
    """Return an earlier measurement under the same conditions, of at least `passes` passes; None if there is none."""
    path = stem.with_suffix(".json")
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return record if record["machine"] == conditions and record["passes"] >= passes else None
    except (ValueError, KeyError, TypeError):  # not a record: measure again
        return None


def write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows that have the same columns."""
    with atomic_write(path) as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _list_fields(cost: LayerCost) -> dict[str, object]:
    return {
        "layer": cost.layer,
        "type": cost.type,
        "top": "x".join(map(str, cost.shape)),
        "every_px": cost.grid.stride if cost.grid else "",
        "sees_px": cost.grid.receptive_field if cost.grid else "",
        "parameters": cost.parameters,
        "learnt": cost.trainable,
        "activation_bytes": cost.activations,
        "gradient_bytes": cost.gradients,
        "forward_flop": cost.forward,
        "backward_flop": cost.backward,
    }
