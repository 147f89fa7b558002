"""A layout as shapes for both renderers: rectangles, lines, polygons and text, in pixels from the top left."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Iterator, Sequence, Union

from PIL import ImageFont

from fcn_repro.drawing.net_diagram.graph import Box
from fcn_repro.drawing.net_diagram.layout import MARGIN, Layout, Placed, Point, Routed

NAME, FACTS, TITLE = 13.0, 10.0, 18.0  # sizes of text
LEADING = 1.45  # distance of lines of text, in their size
PADDING = 8.0  # inside a box
HEAD = 6.0  # length of an arrow's head
CURVE = 12  # straight pieces of a bend
INK, FAINT, PAPER = "#1f2933", "#52606d", "#ffffff"
ARROW = "#7b8794"

# The colours of the families of layers, in the legend's order: fill and edge.
COLOURS = {
    "data": ("#f5f7fa", "#7b8794"),
    "convolution": ("#d6e6fb", "#3e7cc9"),
    "fully connected": ("#e6dcfa", "#7a52c7"),
    "pooling": ("#ffe3c2", "#d9822b"),
    "upsampling": ("#d3f2e3", "#2f9e6d"),
    "crop": ("#eceff3", "#9aa5b1"),
    "join": ("#fff3b0", "#c9a400"),
    "loss": ("#ffd9d9", "#d64545"),
    "other": ("#f0e9e0", "#a58b6f"),
}


@dataclass(frozen=True)
class Rectangle:
    """A rectangle with round corners; `layer` is the layer that it stands for."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    edge: str
    layer: str = ""


@dataclass(frozen=True)
class Line:
    """A line through points."""

    points: Sequence[Point]
    colour: str
    thickness: float = 1.3


@dataclass(frozen=True)
class Polygon:
    """A filled polygon."""

    points: Sequence[Point]
    colour: str


@dataclass(frozen=True)
class Text:
    """A line of text. `y` is its baseline; `x` its middle, start or end, as SVG's text-anchor."""

    x: float
    y: float
    text: str
    size: float
    colour: str
    bold: bool = False
    anchor: str = "middle"


Shape = Union[Rectangle, Line, Polygon, Text]


@dataclass(frozen=True)
class Sheet:
    """Shapes in the order of painting, and the size and colour of the paper."""

    shapes: Sequence[Shape]
    width: float
    height: float
    paper: str = PAPER


def measure_box(box: Box) -> Point:
    """Return the width and height of a box for its text."""
    widths = [measure_text(box.name, NAME), *(measure_text(line, FACTS) for line in box.lines)]
    return max(widths) + 2 * PADDING, LEADING * (NAME + FACTS * len(box.lines)) + PADDING


def measure_text(text: str, size: float) -> float:
    """Return the width of a text in pixels: 8 % more than in Pillow's font, as SVG viewers use other fonts."""
    return 1.08 * ImageFont.load_default(100).getlength(text) * size / 100


def make_sheet(layout: Layout, title: str) -> Sheet:
    """Make the shapes of a diagram: title, legend, arrows, boxes."""
    families = {placed.box.family for placed in layout.boxes}
    legend = list(_legend([family for family in COLOURS if family in families], TITLE * LEADING + MARGIN))
    top = TITLE * LEADING + FACTS * LEADING + MARGIN
    shapes: list[Shape] = [Text(MARGIN, MARGIN + TITLE * 0.8, title, TITLE, INK, bold=True, anchor="start"), *legend]
    for arrow in layout.arrows:
        shapes += _arrow(arrow, top)
    for placed in layout.boxes:
        shapes += _box(placed, top)
    right = max(shape.x + measure_text(shape.text, shape.size) for shape in shapes if isinstance(shape, Text))
    return Sheet(shapes, max(layout.width, right + MARGIN), layout.height + top)


def _legend(families: Sequence[str], y: float) -> Iterator[Shape]:
    x = MARGIN
    for family in families:
        yield Rectangle(x, y, FACTS, FACTS, *COLOURS[family])
        yield Text(x + 1.5 * FACTS, y + FACTS * 0.85, family, FACTS, FAINT, anchor="start")
        x += 3.5 * FACTS + measure_text(family, FACTS)


def _box(placed: Placed, top: float) -> Iterator[Shape]:
    y = placed.y + top
    yield Rectangle(
        placed.x - placed.width / 2, y, placed.width, placed.height, *COLOURS[placed.box.family], layer=placed.box.name
    )
    y += PADDING / 2 + NAME
    yield Text(placed.x, y, placed.box.name, NAME, INK, bold=True)
    for line in placed.box.lines:
        y += FACTS * LEADING
        yield Text(placed.x, y, line, FACTS, FAINT)


def _arrow(routed: Routed, top: float) -> Iterator[Shape]:
    points = [(x, y + top) for x, y in routed.points]
    (x, y) = points[-1]
    yield Line([*_bent(points[:-1]), (x, y - HEAD / 2)], ARROW)
    yield Polygon([(x, y), (x - HEAD / 2, y - HEAD), (x + HEAD / 2, y - HEAD)], ARROW)
    if routed.arrow.blob:
        (x, y) = points[2]  # where it has parted from the other arrows of its layer
        yield Text(x + HEAD, y - HEAD, routed.arrow.blob, FACTS, FAINT, anchor="start")


def _bent(points: Sequence[Point]) -> Iterator[Point]:
    """Return the points, with a bend that begins and ends upright wherever the line moves sideways."""
    yield points[0]
    for (x0, y0), (x1, y1) in zip(points, points[1:]):
        for i in range(1, CURVE if abs(x1 - x0) > 0.5 else 1):
            t = i / CURVE
            yield x0 + (x1 - x0) * (1 - math.cos(math.pi * t)) / 2, y0 + (y1 - y0) * t
        yield x1, y1
