"""Bars of seconds, a group for each job."""

from __future__ import annotations

from typing import Iterator, Mapping

from fcn_repro.drawing.net_diagram.shapes import COLOURS, FAINT, INK, PAPER, Rectangle, Shape, Sheet, Text

WIDTH, NAMES, END = 760.0, 130.0, 90.0  # of the sheet; left of the bars; right of them
BAR, GAP, HEADING = 18.0, 6.0, 34.0
OURS, THEIRS = COLOURS["convolution"], COLOURS["crop"]


def bars(groups: Mapping[str, Mapping[str, float]], unit: str) -> Sheet:
    """A sheet: in each group a bar per name, ours in colour, as long as its value; each group to its own scale."""
    shapes: list[Shape] = []
    y = GAP
    for title, values in groups.items():
        shapes.append(Text(GAP, y + HEADING - 12, f"{title}, {unit}", 14, INK, True, "start"))
        y += HEADING
        shapes += _group(values, y)
        y += len(values) * (BAR + GAP) + GAP
    return Sheet(shapes, WIDTH, y + GAP, PAPER)


def _group(values: Mapping[str, float], top: float) -> Iterator[Shape]:
    scale = (WIDTH - NAMES - END) / max(values.values(), default=1.0)
    for i, (name, value) in enumerate(values.items()):
        y = top + i * (BAR + GAP)
        fill, edge = OURS if name.startswith("ours") else THEIRS
        yield Text(NAMES - 8, y + BAR - 5, name, 12, INK, anchor="end")
        yield Rectangle(NAMES, y, max(value * scale, 1.0), BAR, fill, edge)
        yield Text(NAMES + value * scale + 6, y + BAR - 5, f"{value:.3g}", 11, FAINT, anchor="start")
