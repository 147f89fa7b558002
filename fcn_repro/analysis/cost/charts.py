"""Charts of time and memory of a net by image size or batch."""

from __future__ import annotations

from typing import Callable, Mapping, Sequence

from fcn_repro.drawing.chart import Line, LineChart, spans_decades

Row = Mapping[str, float]  # height, width, batch, forward_s, backward_s, peak_gb


def chart_costs(rows: Sequence[Row]) -> list[LineChart]:
    """Chart measurements: a line for each batch over the image size, or of one size a line over the batch.

    The size of an image is the side of the square with as many pixels.
    """
    trains = any(row["backward_s"] for row in rows)
    passes = "forward and backward pass" if trains else "forward pass"
    return [
        _chart(rows, f"{passes} (s)", _seconds),
        _chart(rows, f"{passes} per million pixels of the images (s)", _seconds_per_megapixel),
        _chart(rows, "peak memory of the process (GB)", lambda row: row["peak_gb"]),
    ]


def _chart(rows: Sequence[Row], title: str, y: Callable[[Row], float]) -> LineChart:
    if len({_side(row) for row in rows}) > 1:
        batches = sorted({row["batch"] for row in rows})
        lines = [
            Line(f"batch {batch:g}", sorted((_side(row), y(row)) for row in rows if row["batch"] == batch))
            for batch in batches
        ]
        label = "side of the image (px)"
    else:
        lines = [Line("", sorted((row["batch"], y(row)) for row in rows))]
        label = "batch"
    return LineChart(title, label, lines, log_y=spans_decades([y(row) for row in rows]))


def _side(row: Row) -> float:
    return round((row["height"] * row["width"]) ** 0.5, 1)


def _seconds(row: Row) -> float:
    return row["forward_s"] + row["backward_s"]


def _seconds_per_megapixel(row: Row) -> float:
    return 1e6 * _seconds(row) / (row["height"] * row["width"] * row["batch"])
