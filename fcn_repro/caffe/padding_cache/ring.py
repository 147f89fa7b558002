"""Rings: the activations around the part of a map that is computed, kept from one image and put around another's."""

from dataclasses import dataclass

import torch
from torch import Tensor

from fcn_repro.caffe.padding_cache.receptive_extent import Region, Span, intersect, whole_region

Index = tuple[slice, ...]  # all images, all channels, rows, columns
Ring = list[tuple[Index, Tensor]]  # strips and their place in the region


@dataclass(frozen=True)
class Frame:
    """A region of a map, and the part inside it that depends on the image."""

    region: Region
    inside: Region

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the region."""
        return self.region[0].size, self.region[1].size

    def fill(
        self, part: Tensor, part_region: Region, ring: Ring, kind: torch.dtype, layout: torch.memory_format
    ) -> Tensor:
        """The region of a map in that type and memory layout, from a ring and the computed `part` of the map.

        A part that is the whole region in that type and layout is changed in place.
        """
        if part_region == self.region and part.dtype == kind and part.is_contiguous(memory_format=layout):
            filled = part
        else:
            size = (*part.shape[:2], *self.size)
            filled = torch.empty(size, dtype=kind, device=part.device, memory_format=layout)
            filled[_index(self.inside, self.region)] = part[_index(self.inside, part_region)]
        for index, strip in ring:
            filled[index] = strip
        return filled

    def cut(self, whole: Tensor, padding_value: float) -> Ring:
        """The ring of a whole map (N, C, H, W), as strips above, below, left and right of the inside."""
        (rows, columns), (inner_rows, inner_columns) = self.region, self.inside
        strips: list[Region] = [
            (Span(rows.first, inner_rows.first), columns),
            (Span(inner_rows.end, rows.end), columns),
            (inner_rows, Span(columns.first, inner_columns.first)),
            (inner_rows, Span(inner_columns.end, columns.end)),
        ]
        return [
            (_index(strip, self.region), _cut(whole, strip, padding_value)) for strip in strips if _has_cells(strip)
        ]


def _has_cells(region: Region) -> bool:
    return region[0].size > 0 and region[1].size > 0


def _index(region: Region, origin: Region) -> Index:
    """Where a region lies in a tensor that begins at the origin."""
    rows, columns = (span.shift(-start.first) for span, start in zip(region, origin, strict=True))
    return slice(None), slice(None), slice(rows.first, rows.end), slice(columns.first, columns.end)


def _cut(whole: Tensor, strip: Region, padding_value: float) -> Tensor:
    """A strip of the first image's map, which is that of all images."""
    cut = whole.new_full((1, whole.shape[1], strip[0].size, strip[1].size), padding_value)
    bounds = whole_region(whole.shape[2:])
    inside = intersect(strip, bounds)
    if _has_cells(inside):
        cut[_index(inside, strip)] = whole[:1][_index(inside, bounds)]
    return cut
