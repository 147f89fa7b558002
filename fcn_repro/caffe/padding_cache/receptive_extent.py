"""Which cells of a map depend on the image, in whole numbers.

FCN pads its first convolution by 100 pixels. The padding is zero, so far from the image a map does not depend on the
image; each layer's window moves the limit by its extent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fcn_repro.layer_params.conv_window import ConvWindow


class Span(NamedTuple):
    """Cells from `first` to before `end` along an axis. A map's cells count from 0; its padding lies outside."""

    first: int
    end: int

    @property
    def size(self) -> int:
        """Number of cells."""
        return self.end - self.first

    def intersect(self, other: Span) -> Span:
        """The cells in both."""
        return Span(max(self.first, other.first), min(self.end, other.end))

    def shift(self, cells: int) -> Span:
        """The same cells, counted from another origin."""
        return Span(self.first + cells, self.end + cells)


Region = tuple[Span, Span]  # rows, columns


def whole_region(size: Sequence[int]) -> Region:
    """A whole map of (H, W)."""
    return Span(0, size[0]), Span(0, size[1])


def intersect(one: Region, other: Region) -> Region:
    """The cells in both regions."""
    return one[0].intersect(other[0]), one[1].intersect(other[1])


def find_dependent(window: ConvWindow, region: Region, size: Sequence[int]) -> Region:
    """The outputs, of (H, W), whose window meets a cell of the input region."""
    spans = []
    for span, outputs, extent, stride, pad in zip(region, size, window.extent, window.stride, window.pad, strict=True):
        first = -(-(span.first + pad - extent + 1) // stride)
        last = (span.end - 1 + pad) // stride
        spans.append(Span(max(first, 0), min(last + 1, outputs)))
    return spans[0], spans[1]


def find_needed(window: ConvWindow, region: Region) -> Region:
    """The inputs that the outputs of a region are computed from; those outside the map are padding."""
    spans = []
    for span, extent, stride, pad in zip(region, window.extent, window.stride, window.pad, strict=True):
        spans.append(Span(span.first * stride - pad, (span.end - 1) * stride - pad + extent))
    return spans[0], spans[1]
