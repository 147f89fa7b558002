"""How time and memory of a net grow with the image or the batch, as charts."""

from __future__ import annotations

from typing import Callable, Mapping, Sequence

from fcn_repro.drawing.net_diagram.chart import Chart, Stage

TIME, MEMORY = "#3e7cc9", "#2f9e6d"

Row = Mapping[str, float]  # height, width, batch, seconds of forward and backward, peak_gb


def cost_charts(rows: Sequence[Row]) -> list[Chart]:
    """Charts of what was measured at several sizes, a stretch for each batch; of one size, by the batch.

    Sizes are told by the side of the square that has as many pixels.
    """
    learning = any(row["backward_s"] for row in rows)
    by, x = ("side of the image (px)", _side) if len({_side(row) for row in rows}) > 1 else ("batch", _batch)
    passes = "forward and backward pass" if learning else "forward pass"
    charts = [
        (f"{passes} (s) by {by}", _seconds, TIME),
        (f"{passes} per million pixels of the images (s) by {by}", _per_pixel, TIME),
        (f"peak memory of the process (GB) by {by}", _peak, MEMORY),
    ]
    return [Chart(title, _stages(rows, x, y), colour) for title, y, colour in charts]


def _stages(rows: Sequence[Row], x: Callable[[Row], float], y: Callable[[Row], float]) -> list[Stage]:
    """A line for each batch by the sides, or one by the batch."""
    batches = sorted({row["batch"] for row in rows}) if x is _side else [0]
    lines = [sorted((x(row), y(row)) for row in rows if batch in (0, row["batch"])) for batch in batches]
    return [Stage(f"batch {batch:g}", line, round(line[-1][0])) for batch, line in zip(batches, lines)]


def _side(row: Row) -> float:
    return (row["height"] * row["width"]) ** 0.5


def _batch(row: Row) -> float:
    return row["batch"]


def _seconds(row: Row) -> float:
    return row["forward_s"] + row["backward_s"]


def _per_pixel(row: Row) -> float:
    return 1e6 * _seconds(row) / (row["height"] * row["width"] * row["batch"])


def _peak(row: Row) -> float:
    return row["peak_gb"]
