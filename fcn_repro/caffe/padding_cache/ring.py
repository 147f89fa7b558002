"""What lies around the part of a map that is computed: numbers kept from an earlier picture, put around the new one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fcn_repro.caffe.padding_cache.receptive_extent import Span

Place = tuple[slice, ...]  # all images, all channels, rows, columns
Strips = list[tuple[Place, Tensor]]


@dataclass(frozen=True)
class Frame:
    """A region (rows, columns) of a map, and the part of it that depends on the picture."""

    region: tuple[Span, Span]
    inside: tuple[Span, Span]

    @property
    def size(self) -> tuple[int, int]:
        """Of the region."""
        return self.region[0].size, self.region[1].size

    def filled(
        self, part: Tensor, at: tuple[Span, Span], ring: Strips, kind: torch.dtype, order: torch.memory_format
    ) -> Tensor:
        """The region: the ring, and the inside out of `part`, which holds the part `at` of the map.

        Of that type, in that order of axes. A part that is the whole region, alike, is taken and changed.
        """
        if at == self.region and part.dtype == kind and part.is_contiguous(memory_format=order):
            region = part
        else:
            size = (*part.shape[:2], *self.size)
            region = torch.empty(size, dtype=kind, device=part.device, memory_format=order)
            region[self._within(*self.inside)] = part[self._part(at)]
        for place, strip in ring:
            region[place] = strip
        return region

    def cut(self, whole: Tensor, fill: float) -> Strips:
        """The ring around the inside, in strips, from a whole map (N, C, H, W); `fill` is what lies beyond the map."""
        (rows, columns), (above, beside) = self.region, self.inside
        strips = (
            (Span(rows.first, above.first), columns),
            (Span(above.end, rows.end), columns),
            (above, Span(columns.first, beside.first)),
            (above, Span(beside.end, columns.end)),
        )
        return [
            (self._within(*strip), _cut(whole, strip, fill)) for strip in strips if strip[0].size > 0 < strip[1].size
        ]

    def _part(self, of: tuple[Span, Span]) -> Place:
        return _place(*(Span(i.first - p.first, i.end - p.first) for i, p in zip(self.inside, of, strict=True)))

    def _within(self, rows: Span, columns: Span) -> Place:
        top, left = self.region[0].first, self.region[1].first
        return _place(Span(rows.first - top, rows.end - top), Span(columns.first - left, columns.end - left))


def _place(rows: Span, columns: Span) -> Place:
    return slice(None), slice(None), slice(rows.first, rows.end), slice(columns.first, columns.end)


def _cut(whole: Tensor, strip: tuple[Span, Span], fill: float) -> Tensor:
    """A strip of the first image's map; all images have the same."""
    rows, columns = strip
    cut = whole.new_full((1, whole.shape[1], rows.size, columns.size), fill)
    inside = [span.meet(Span(0, n)) for span, n in zip(strip, whole.shape[2:], strict=True)]
    if inside[0].size > 0 < inside[1].size:
        place = _place(*(Span(i.first - s.first, i.end - s.first) for i, s in zip(inside, strip, strict=True)))
        cut[place] = whole[:1][_place(*inside)]
    return cut
