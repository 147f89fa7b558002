"""Positions of boxes and arrows: rows from top to bottom, few crossings, straight columns.

Each box is in the first row below all boxes that it depends on. An arrow across several rows has a place in each.
Sweeps down and up sort each row by the mean of the places' neighbours, which reduces crossings. Then boxes share a
column with their first bottom, as do the places of an arrow. Columns move towards the mean of their neighbours.

Source   Sugiyama, Tagawa and Toda 1981 (rows and sweeps); Brandes and Koepf 2001 (columns)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Callable, Sequence, Tuple

from fcn_repro.drawing.net_diagram.graph import Arrow, Box, Graph

ROW_GAP, PLACE_GAP, LANE, MARGIN = 26.0, 20.0, 8.0, 24.0  # pixels
SWEEPS = 24

Point = Tuple[float, float]  # (x, y) in pixels, y downwards


@dataclass(frozen=True)
class Placed:
    """A box and its rectangle; `x` is its centre, `y` its upper edge."""

    box: Box
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Routed:
    """An arrow and the points it passes, from the lower edge of its tail to the upper edge of its head."""

    arrow: Arrow
    points: Sequence[Point]


@dataclass(frozen=True)
class Layout:
    """The contents of a diagram, and its size in pixels."""

    boxes: Sequence[Placed]
    arrows: Sequence[Routed]
    width: float
    height: float


def place_graph(graph: Graph, measure: Callable[[Box], Point]) -> Layout:
    """Place a graph; `measure` returns the width and height of a box in pixels."""
    sizes = [measure(box) for box in graph.boxes]
    places = _Places(graph)
    _uncross(places)
    x = _abscissae(places, [width for width, _ in sizes])
    tops, bottoms = _ordinates(places, [height for _, height in sizes])
    boxes = [
        Placed(box, x[i], (tops[row] + bottoms[row] - sizes[i][1]) / 2, *sizes[i])
        for i, (box, row) in enumerate(zip(graph.boxes, places.row))
    ]
    arrows = [Routed(arrow, _route(places, arrow, boxes, x, tops, bottoms)) for arrow in graph.arrows]
    return Layout(boxes, arrows, max(box.x + box.width / 2 for box in boxes) + MARGIN, bottoms[-1] + MARGIN)


class _Places:
    """Places in rows: the boxes, numbered as in the graph, then a place of an arrow in every row that it passes."""

    def __init__(self, graph: Graph) -> None:
        self.boxes = len(graph.boxes)
        self.row = _rows(graph)
        self.above: list[list[int]] = [[] for _ in graph.boxes]  # of each place: its neighbours in the row above
        self.below: list[list[int]] = [[] for _ in graph.boxes]
        self.path = {arrow: self._path(arrow) for arrow in graph.arrows}
        self.main = set(_main(graph))
        self.rows: list[list[int]] = [[] for _ in range(max(self.row) + 1)]
        for place in self._by_branch():
            self.rows[self.row[place]].append(place)

    def _path(self, arrow: Arrow) -> list[int]:
        """Add a place in every row that an arrow passes; returns them with its ends, in order."""
        passed = range(self.row[arrow.tail] + 1, self.row[arrow.head])
        path = [arrow.tail, *range(len(self.row), len(self.row) + len(passed)), arrow.head]
        self.row += passed
        for neighbours in (self.above, self.below):
            neighbours += [[] for _ in passed]
        for upper, lower in zip(path, path[1:]):
            self.below[upper].append(lower)
            self.above[lower].append(upper)
        return path

    def _by_branch(self) -> list[int]:
        """Return all places branch by branch: an order in which few arrows cross."""
        seen: dict[int, None] = {}
        waiting = [place for place in reversed(range(self.boxes)) if not self.above[place]]
        while waiting:
            place = waiting.pop()
            if place not in seen:
                seen[place] = None
                waiting += reversed(self.below[place])
        return list(seen)


def _rows(graph: Graph) -> list[int]:
    row = [0] * len(graph.boxes)
    for arrow in sorted(graph.arrows, key=lambda arrow: arrow.head):
        row[arrow.head] = max(row[arrow.head], row[arrow.tail] + 1)
    return row


def _main(graph: Graph) -> list[Arrow]:
    """Return at most one arrow out of and one into every box: the one from its first bottom."""
    tails: set[int] = set()
    heads: set[int] = set()
    main = []
    for arrow in graph.arrows:
        if arrow.head not in heads and arrow.tail not in tails:
            main.append(arrow)
            tails.add(arrow.tail)
        heads.add(arrow.head)
    return main


# ---- order in rows -------------------------------------------------------------------------------------------------


def _uncross(places: _Places) -> None:
    """Sort the rows so that few arrows cross."""
    best, fewest = [list(row) for row in places.rows], _crossings(places)
    for sweep in range(SWEEPS):
        downwards = sweep % 2 == 0
        for row in places.rows if downwards else reversed(places.rows):
            _sort(places, row, places.above if downwards else places.below)
        crossings = _crossings(places)
        if crossings < fewest:
            best, fewest = [list(row) for row in places.rows], crossings
    places.rows = best


def _sort(places: _Places, row: list[int], neighbours: Sequence[Sequence[int]]) -> None:
    """Sort a row by the mean rank of its places' neighbours."""
    rank = {place: i for other in places.rows for i, place in enumerate(other)}
    wanted = {p: sum(rank[q] for q in neighbours[p]) / len(neighbours[p]) if neighbours[p] else rank[p] for p in row}
    row.sort(key=wanted.__getitem__)


def _crossings(places: _Places) -> int:
    """Count the pairs of arrows between neighbouring rows that cross."""
    count = 0
    for upper, lower in zip(places.rows, places.rows[1:]):
        at = {place: i for i, place in enumerate(lower)}
        ends = [end for place in upper for end in sorted(at[q] for q in places.below[place])]
        count += sum(a > b for i, a in enumerate(ends) for b in ends[i + 1 :])
    return count


# ---- coordinates ---------------------------------------------------------------------------------------------------


def _abscissae(places: _Places, widths: Sequence[float]) -> list[float]:
    """Return the centre of every place, in pixels from the left edge."""
    columns = _Columns(places, widths)
    columns.settle()
    x = [columns.x[column] for column in columns.of]
    left = min(x[i] - width / 2 for i, width in enumerate(widths))
    return [MARGIN + value - left for value in x]


class _Columns:
    """Columns of places with one x each, and the distances of columns that are neighbours in a row."""

    def __init__(self, places: _Places, widths: Sequence[float]) -> None:
        self.of = list(range(len(places.row)))  # the column of every place, numbered by its first place
        for arrow, path in places.path.items():
            straight = path if arrow in places.main else path[1:-1]
            for upper, lower in zip(straight, straight[1:]):
                self.of[lower] = self.of[upper]
        self.right: dict[int, dict[int, float]] = {}  # column -> those right of it, and the distance of their centres
        for row in places.rows:
            for p, q in zip(row, row[1:]):
                self._keep_apart(places, p, q, sum(widths[i] if i < len(widths) else LANE for i in (p, q)) / 2)
        self.left: dict[int, dict[int, float]] = {column: {} for column in self.of}
        for column, others in self.right.items():
            for other, distance in others.items():
                self.left[other][column] = distance
        self.x = self._packed()
        self.pulls: dict[int, list[int]] = {column: [] for column in self.left}
        for path in places.path.values():
            for upper, lower in zip(path, path[1:]):
                if self.of[upper] != self.of[lower]:
                    self.pulls[self.of[upper]].append(self.of[lower])
                    self.pulls[self.of[lower]].append(self.of[upper])

    def settle(self) -> None:
        """Move every column towards the mean of the columns it is connected with, as far as its neighbours allow."""
        for sweep in range(SWEEPS):
            for column in sorted(self.x, key=self.x.__getitem__, reverse=sweep % 2 == 0):
                pulls = self.pulls[column]
                wanted = sum(self.x[other] for other in pulls) / len(pulls) if pulls else self.x[column]
                least = max((self.x[other] + d for other, d in self.left[column].items()), default=-math.inf)
                most = min((self.x[other] - d for other, d in self.right.get(column, {}).items()), default=math.inf)
                self.x[column] = max(least, min(wanted, most))

    def _keep_apart(self, places: _Places, p: int, q: int, halves: float) -> None:
        """Record that q is right of p. If it is left of it further up, its column ends and a new one begins."""
        if self._is_right(self.of[p], of=self.of[q]):
            old = self.of[q]
            for place, column in enumerate(self.of):
                if column == old and places.row[place] >= places.row[q]:
                    self.of[place] = q
        distances = self.right.setdefault(self.of[p], {})
        distances[self.of[q]] = max(distances.get(self.of[q], 0.0), halves + PLACE_GAP)

    def _is_right(self, column: int, of: int) -> bool:
        """Return whether a column must be right of another, directly or through columns between them."""
        waiting = [of]
        reached = {of}
        while waiting and column not in reached:
            for other in self.right.get(waiting.pop(), ()):
                if other not in reached:
                    reached.add(other)
                    waiting.append(other)
        return column in reached

    def _packed(self) -> dict[int, float]:
        """Place every column as far left as possible."""
        x: dict[int, float] = {}

        def place(column: int) -> float:
            if column not in x:
                x[column] = max((place(other) + distance for other, distance in self.left[column].items()), default=0.0)
            return x[column]

        for column in self.left:
            place(column)
        return x


def _ordinates(places: _Places, heights: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return the upper and lower edge of every row."""
    tops, bottoms = [], []
    y = MARGIN
    for row in places.rows:
        tops.append(y)
        y += max(heights[place] for place in row if place < places.boxes)
        bottoms.append(y)
        y += ROW_GAP
    return tops, bottoms


def _route(
    places: _Places,
    arrow: Arrow,
    boxes: Sequence[Placed],
    x: Sequence[float],
    tops: Sequence[float],
    bottoms: Sequence[float],
) -> list[Point]:
    tail, head = boxes[arrow.tail], boxes[arrow.head]
    edges = [
        (x[place], edge[places.row[place]]) for place in places.path[arrow] for edge in (tops, bottoms)
    ]  # upright within a row, sideways between two
    return [(tail.x, tail.y + tail.height), *edges[1:-1], (head.x, head.y)]
