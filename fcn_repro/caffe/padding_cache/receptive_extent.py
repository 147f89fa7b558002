"""How far the picture reaches: which cells of a map depend on it, in whole numbers, along one axis.

FCN pads its first convolution by 100 pixels. What lies beyond the picture is zero, so a map holds the same numbers
there whatever is in the picture; every window moves the limit by what it overlaps.
"""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """Cells from `first` to before `end`; the cells of a map count from 0, what pads it lies outside."""

    first: int
    end: int

    @property
    def size(self) -> int:
        """How many cells."""
        return self.end - self.first

    def meet(self, other: Span) -> Span:
        """The cells that lie in both."""
        return Span(max(self.first, other.first), min(self.end, other.end))


class Slide(NamedTuple):
    """A window that slides along one axis."""

    extent: int
    stride: int
    pad: int

    def reached(self, span: Span, size: int) -> Span:
        """Of `size` outputs, those whose window meets a cell of `span`."""
        first = -(-(span.first + self.pad - self.extent + 1) // self.stride)
        last = (span.end - 1 + self.pad) // self.stride
        return Span(max(first, 0), min(last + 1, size))

    def needed(self, span: Span) -> Span:
        """The inputs that the outputs in `span` are made of; those outside the map are padding."""
        first = span.first * self.stride - self.pad
        return Span(first, (span.end - 1) * self.stride - self.pad + self.extent)
