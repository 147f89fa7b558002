"""Offset, stride and receptive field of every blob of a net, and how its crop offsets follow from them.

Positions are pixel coordinates of cell centres. Pixel 0 is the image's first; negative pixels are padding.

Source   caffe 9b89154 python/caffe/coord_map.py (offsets and strides)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Iterator, Mapping, Sequence

from fcn_repro.layer_params.conv_window import SLIDING, read_window
from fcn_repro.layer_params.crop_offsets import read_crop_offsets
from fcn_repro.layer_params.layer_axis import is_spatial

# Layers that compute each cell from that cell of every bottom alone; LRN does so across channels.
CELLWISE = (
    *("AbsVal", "BNLL", "BatchNorm", "Bias", "Clip", "Concat", "Dropout", "ELU", "Eltwise", "Exp", "LRN", "Log"),
    *("PReLU", "Power", "ReLU", "Scale", "Sigmoid", "Softmax", "Split", "Swish", "TanH", "Threshold"),
)


@dataclass(frozen=True)
class Grid:
    """How the cells of a blob lie on the image: cell i has its centre at pixel `offset + i * stride`."""

    offset: float
    stride: float
    receptive_field: int  # pixels to a side that a cell is computed from


def is_cellwise(layer: Any) -> bool:
    """Whether each cell of the layer's tops depends on that cell of its bottoms alone; blobs are those of images."""
    if layer.type == "LRN":
        return bool(layer.lrn_param.norm_region == 0)  # ACROSS_CHANNELS
    return layer.type in CELLWISE and not (layer.type in ("Concat", "Softmax") and is_spatial(layer))


def find_grids(net: Any) -> dict[str, Grid]:
    """The grid of every blob of a NetParameter, along rows; every layer without bottoms makes images.

    Fully connected layers, global pooling, and all layers above them have none.
    """
    grids: dict[str, Grid] = {}
    for layer in net.layer:
        known = layer.bottom[:1] if layer.type == "Crop" else layer.bottom  # the other bottom of a Crop has only a size
        below = [grids[blob] for blob in known if blob in grids]
        grid = _find_grid(layer, below if len(below) == len(known) else []) if layer.bottom else Grid(0, 1, 1)
        if grid is not None:
            grids.update(dict.fromkeys(layer.top, grid))
    return grids


def explain_offsets(net: Any) -> Iterator[str]:
    """How each upsampling kernel and each crop offset of a NetParameter follows from the grids, a paragraph each."""
    grids = find_grids(net)
    for layer in net.layer:
        if layer.type in ("Deconvolution", "Crop") and all(blob in grids for blob in (*layer.bottom, layer.top[0])):
            yield "\n".join((_explain_upsampling if layer.type == "Deconvolution" else _explain_crop)(layer, grids))


def explain_padding(net: Any) -> str | None:
    """Why the first convolution of a NetParameter pads by more than half its kernel; None if it does not."""
    layer = _first_convolution(net)
    window = read_window(layer)
    pad, usual = window.pad[0], window.kernel[0] // 2
    if pad <= usual or window.stride[0] > 1:
        return None
    classifier = type(net)()
    classifier.CopyFrom(net)
    _first_convolution(classifier).convolution_param.pad[:] = [usual]
    smallest, usual_smallest = find_smallest_image(net), find_smallest_image(classifier)
    around = usual_smallest + 2 * usual - 1
    return (
        f"{layer.name}: pad {pad}\n"
        f"    With the classifier's pad of {usual} the smallest image that leaves every layer a cell has\n"
        f"    {usual_smallest} pixels to a side; with {pad} it has {smallest}. One pixel needs\n"
        f"    {usual_smallest} + 2 x {usual} - 1 = {around} around it, {(around + 1) // 2} on each side."
    )


def find_smallest_image(net: Any) -> int:
    """Pixels to a side of the smallest image that leaves a cell to every layer below the first deconvolution."""
    length = 1
    while not all(cells > 0 for cells in _count_cells(net, length)):
        length += 1
    return length


def _find_grid(layer: Any, below: Sequence[Grid]) -> Grid | None:
    if not below or (layer.type == "Pooling" and layer.pooling_param.global_pooling):
        return None
    first = below[0]
    if layer.type in SLIDING:
        window = read_window(layer)
        extent, stride = window.extent[0], window.stride[0]
        centre = (extent - 1) / 2 - window.pad[0]  # of the first window, in cells of the finer blob
        if layer.type == "Deconvolution":
            finer, seen = first.stride / stride, math.ceil(extent / stride)
            return Grid(first.offset - centre * finer, finer, _grow_field(first, seen))
        return Grid(first.offset + centre * first.stride, float(first.stride * stride), _grow_field(first, extent))
    if layer.type == "Crop":
        offset = read_crop_offsets(layer)[0]
        return replace(first, offset=first.offset + offset * first.stride)
    widest = max(grid.receptive_field for grid in below)
    return replace(first, receptive_field=widest) if is_cellwise(layer) else None


def _grow_field(below: Grid, cells: int) -> int:
    """The receptive field of so many neighbouring cells."""
    return round(below.receptive_field + (cells - 1) * below.stride)


def _first_convolution(net: Any) -> Any:
    return next(layer for layer in net.layer if layer.type == "Convolution")


def _count_cells(net: Any, length: int) -> Iterator[int]:
    """Cells of each layer along an axis of `length` pixels, up to the first deconvolution."""
    cells: dict[str, int] = {}
    for layer in net.layer:
        count = cells[layer.bottom[0]] if layer.bottom else length
        if layer.type == "Deconvolution":
            return
        if layer.type in SLIDING:
            window = read_window(layer, 2, (count, count))
            (count, _) = (window.convolved if layer.type == "Convolution" else window.pooled)((count, count))
        yield count
        cells.update(dict.fromkeys(layer.top, count))


def _explain_upsampling(layer: Any, grids: Mapping[str, Grid]) -> Iterator[str]:
    below, grid = grids[layer.bottom[0]], grids[layer.top[0]]
    window = read_window(layer)
    kernel, centre = window.kernel[0], (window.kernel[0] - 1) / 2
    yield f"{layer.name}: kernel {kernel}, stride {window.stride[0]}"
    yield f"    Cells of {layer.bottom[0]} lie {below.stride:g} pixels apart, the first at pixel {below.offset:g}."
    yield f"    The centre of {kernel} cells is ({kernel} - 1) / 2 = {centre:g}; new cells lie {grid.stride:g} apart:"
    yield f"    the first lies at pixel {below.offset:g} - {centre:g} x {grid.stride:g} = {grid.offset:g}."


def _explain_crop(layer: Any, grids: Mapping[str, Grid]) -> Iterator[str]:
    name, reference = layer.bottom
    start, goal, stride = grids[name].offset, grids[reference].offset, grids[name].stride
    yield f"{layer.name}: offset {read_crop_offsets(layer)[0]}"
    yield f"    The first cell of {name} lies at pixel {start:g}, that of {reference} at {goal:g}."
    yield f"    Cells lie {stride:g} apart: ({goal:g} + {-start:g}) / {stride:g} = {(goal - start) / stride:g}."
