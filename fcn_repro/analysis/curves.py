"""The learning curves of a chain of runs as charts: loss per pixel, and mean IU where it was scored."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

from fcn_repro.drawing.net_diagram.chart import Chart, Stage
from fcn_repro.training import train_log

LOSS, SCORE = "#3e7cc9", "#2f9e6d"


def learning_charts(runs: Sequence[tuple[str, Path]], loss: str = LOSS, score: str = SCORE) -> list[Chart]:
    """Two charts of runs, each a name and its log.csv, in the order they were trained; two colours for the lines."""
    logs = [(name, train_log.read(path)) for name, path in runs]
    return [
        Chart("loss per pixel (nats) by iteration", _stages(logs, "loss_per_pixel", 1), loss),
        Chart("mean IU (%) by iteration", _stages(logs, "mean_iu", 100), score),
    ]


def _stages(logs: Sequence[tuple[str, Sequence[dict[str, str]]]], column: str, scale: float) -> list[Stage]:
    return [
        Stage(
            name,
            [(float(row["iteration"]), scale * float(row[column])) for row in rows if _is_number(row[column])],
            max((int(row["iteration"]) for row in rows), default=0),
        )
        for name, rows in logs
    ]


def _is_number(cell: str) -> bool:
    """Whether something was measured, and is defined."""
    return cell not in ("", "nan", "inf")
