"""Charts of training: loss per pixel and mean IU by iteration, from the log.csv of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Sequence

from fcn_repro.drawing.chart import Line, LineChart
from fcn_repro.training import train_log

TITLES = {"loss_per_pixel": "loss per pixel (nats)", "mean_iu": "mean IU (%)"}  # column of the log -> chart
SCALES = {"loss_per_pixel": 1.0, "mean_iu": 100.0}


def chart_stages(name: str, stages: Sequence[tuple[str, Path]], log: bool = False) -> list[LineChart]:
    """Chart a chain of runs, each trained from the one before, end to end on one axis.

    stages   (name, log.csv) of each run in the order of training; a log may be missing
    log      a logarithmic axis for the loss
    """
    marks: list[tuple[int, str]] = []
    rows: list[dict[str, Any]] = []
    start = 0
    for stage, path in stages:
        read = train_log.read(path)
        marks.append((start, stage))
        rows += [{**row, "iteration": int(row["iteration"]) + start} for row in read]
        start = max([start, *(row["iteration"] for row in rows)])
    return _chart({name: rows}, marks if len(stages) > 1 else (), log)


def chart_runs(runs: Sequence[tuple[str, Path]], log: bool = False) -> list[LineChart]:
    """Chart runs over each other, a line for each (name, log.csv); `log`: a logarithmic axis for the loss."""
    return _chart({name: train_log.read(path) for name, path in runs}, (), log)


def _chart(rows_by_name: dict, marks: Sequence[tuple[float, str]], log: bool) -> list[LineChart]:
    return [
        LineChart(
            title,
            "iteration",
            [Line(name, _select_points(rows, column)) for name, rows in rows_by_name.items()],
            marks,
            log_y=log and column == "loss_per_pixel",
        )
        for column, title in TITLES.items()
    ]


def _select_points(rows: Sequence[dict], column: str) -> list[tuple[float, float]]:
    """Return (iteration, value) of the rows in which the column is measured and defined."""
    return [
        (float(row["iteration"]), SCALES[column] * float(row[column]))
        for row in rows
        if row[column] not in ("", "nan", "inf")
    ]
