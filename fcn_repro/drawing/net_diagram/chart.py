"""A chart of what changes with the iterations: stages one after the other, one line through each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Iterator, Sequence

from fcn_repro.drawing.net_diagram.layout import Point
from fcn_repro.drawing.net_diagram.shapes import FAINT, INK, PAPER, Line, Polygon, Shape, Sheet, Text, text_width

HEADING, SMALL = 13.0, 11.0  # sizes of text
LEFT, RIGHT, TOP, BOTTOM = 48.0, 16.0, 46.0, 26.0  # around the lines of a chart
TICKS = 5  # about so many on an axis
MOST = 240  # points of a line; more are averaged
SPARSE = 40  # points that get a dot each
DOT = 3.2  # its radius


@dataclass(frozen=True)
class Stage:
    """A line of its own: (iteration, value), the iterations from 1 to `length`."""

    name: str
    points: Sequence[Point]
    length: int


@dataclass(frozen=True)
class Chart:
    """Stages under one title, in the order they were trained."""

    title: str
    stages: Sequence[Stage]
    colour: str


@dataclass(frozen=True)
class Look:
    """Colours, as SVG knows them."""

    ink: str = INK
    faint: str = FAINT
    grid: str = "#dde3ea"
    paper: str = PAPER


def charts(all_charts: Sequence[Chart], width: float, height: float, look: Look | None = None) -> Sheet:
    """Charts of one size below each other."""
    look = look or Look()
    shapes = [shape for i, chart in enumerate(all_charts) for shape in _chart(chart, width, height, i * height, look)]
    return Sheet(shapes, width, height * len(all_charts), look.paper)


def ticks(low: float, high: float, about: int = TICKS) -> list[float]:
    """Round numbers from at or below `low` to at or above `high`: multiples of 1, 2 or 5 times a power of ten."""
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / about))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= about)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * i for i in range(first, last + 1)]


def thinned(points: Sequence[Point], most: int = MOST) -> list[Point]:
    """The points, or where there are more than `most`, the means of equal runs of them."""
    run = math.ceil(len(points) / most) or 1
    runs = [points[i : i + run] for i in range(0, len(points), run)]
    return [(sum(x for x, _ in some) / len(some), sum(y for _, y in some) / len(some)) for some in runs]


@dataclass(frozen=True)
class _Frame:
    """Where the lines of a chart lie on the sheet, and what the axes say."""

    top: float
    bottom: float
    right: float
    levels: Sequence[float]  # of the values
    total: int  # iterations

    def place(self, iteration: float, value: float) -> Point:
        share = (value - self.levels[0]) / (self.levels[-1] - self.levels[0])
        return LEFT + (self.right - LEFT) * iteration / self.total, self.bottom - (self.bottom - self.top) * share


def _chart(chart: Chart, width: float, height: float, top: float, look: Look) -> Iterator[Shape]:
    yield Text(LEFT, top + HEADING * 1.4, chart.title, HEADING, look.ink, bold=True, anchor="start")
    values = [value for stage in chart.stages for _, value in stage.points]
    if not values:
        yield Text(LEFT, top + height / 2, "nothing measured yet", SMALL, look.faint, anchor="start")
        return
    total = sum(stage.length for stage in chart.stages)
    frame = _Frame(top + TOP, top + height - BOTTOM, width - RIGHT, ticks(min(0.0, *values), max(values)), total)
    yield from _axes(frame, look)
    before = 0
    for stage in chart.stages:
        if len(chart.stages) > 1:
            yield from _name(stage, before, frame, look)
        yield from _line(stage, before, frame, chart.colour, look)
        before += stage.length


def _axes(frame: _Frame, look: Look) -> Iterator[Shape]:
    for level in frame.levels:
        (_, y) = frame.place(0, level)
        yield Line([(LEFT, y), (frame.right, y)], look.grid, 1.0)
        yield Text(LEFT - 6, y + SMALL * 0.35, f"{level:.10g}", SMALL, look.faint, anchor="end")
    about = max(2, int((frame.right - LEFT) // 80))
    for number in ticks(0, frame.total, about):
        if number <= frame.total:
            label = f"{number:,.0f}"
            x = min(frame.place(number, 0)[0], frame.right + RIGHT - text_width(label, SMALL) / 2)
            yield Text(x, frame.bottom + SMALL * 1.5, label, SMALL, look.faint)


def _name(stage: Stage, before: int, frame: _Frame, look: Look) -> Iterator[Shape]:
    """A stage's name at the top of its place, and a line where it begins."""
    x = frame.place(before, 0)[0]
    if before:
        yield Line([(x, frame.top - SMALL), (x, frame.bottom)], look.faint, 0.7)
    yield Text(x + 4, frame.top - SMALL * 0.4, stage.name, SMALL, look.faint, anchor="start")


def _line(stage: Stage, before: int, frame: _Frame, colour: str, look: Look) -> Iterator[Shape]:
    points = [frame.place(before + iteration, value) for iteration, value in thinned(stage.points)]
    if len(points) > 1:
        yield Line(points, colour, 1.8)
    if 0 < len(points) <= SPARSE:  # few enough to be told apart, and the last to be read off
        yield from (Polygon(_circle(point), colour) for point in points)
        (x, y), (_, value) = points[-1], stage.points[-1]
        anchor = "middle" if x < frame.right - 20 else "end"
        yield Text(x, y - SMALL * 0.8, f"{value:.4g}", SMALL, look.ink, anchor=anchor)


def _circle(centre: Point) -> list[Point]:
    angles = [2 * math.pi * i / 12 for i in range(12)]
    return [(centre[0] + DOT * math.cos(angle), centre[1] + DOT * math.sin(angle)) for angle in angles]
