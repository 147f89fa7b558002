"""Where the cells of a net's blobs lie on its input, what they see of it, and where its crop offsets come from.

Positions are pixel coordinates of cell centres: pixel 0 is the image's first, negative ones are padding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Sequence

import numpy as np

from fcn_repro.engine import caffe
from fcn_repro.model.window import slide

L = caffe.layers
SLIDING = ("Convolution", "Pooling")


@dataclass(frozen=True)
class Grid:
    """How the cells of a blob lie on the image: cell i has its centre at pixel `first + i * spacing`."""

    first: float
    spacing: float
    sees: int  # pixels to a side that a cell is computed from


def grids(net: Any) -> dict[str, Grid]:
    """The grid of every blob of a NetParameter on the input that it is made from, each of which is an image.

    Fully connected layers, and all that follows them, have none.
    """
    tops = _tops(net)
    images = [top for layer in net.layer if not layer.bottom for top in layer.top]
    found = {image: Grid(0, 1, 1) for image in images}
    for layer in (layer for layer in net.layer if layer.bottom):
        blob, below = layer.top[0], [found[bottom] for bottom in layer.bottom if bottom in found]
        for image in images:
            try:
                _, spacing, first = caffe.coord_map.coord_map_from_to(tops[blob], tops[image])
            except RuntimeError:
                continue
            found[blob] = Grid(_one(first), _one(spacing), _sees(layer, tops[blob], below))
            break
    return found


def derivations(net: Any) -> Iterator[str]:
    """How each upsampling kernel and each crop offset of a NetParameter follows from the grids, a paragraph each."""
    at = grids(net)
    for layer in net.layer:
        if layer.top[0] in at and layer.type in ("Deconvolution", "Crop"):
            yield "\n".join((_upsampled if layer.type == "Deconvolution" else _cropped)(layer, at))


def padding(net: Any) -> str | None:
    """Why the first convolution of a NetParameter pads by more than half its window; None if it does not."""
    layer = next(layer for layer in net.layer if layer.type == "Convolution")
    at = slide(layer, 0)
    own = at.kernel // 2
    if at.pad <= own or at.stride > 1:
        return None
    classifier = type(net)()
    classifier.CopyFrom(net)
    next(layer for layer in classifier.layer if layer.type == "Convolution").convolution_param.pad[:] = [own]
    least, needed = smallest(net), smallest(classifier)
    around = needed + 2 * own - 1
    return (
        f"{layer.name}: pad {at.pad}\n"
        f"    With the classifier's pad of {own} the least image that leaves every layer a cell has {needed} pixels\n"
        f"    to a side, with {at.pad} it has {least}. One pixel needs {needed} + 2 x {own} - 1 = {around} around it, "
        f"{(around + 1) // 2} on each side."
    )


def smallest(net: Any) -> int:
    """Pixels to a side of the least image that leaves every layer on the way to the scores a cell."""
    length = 1
    while not all(_cells(net, length)):
        length += 1
    return length


def _cells(net: Any, length: int) -> Iterator[bool]:
    """Whether each layer has a cell along an axis of `length` pixels, up to the layers that interpolate."""
    cells: dict[str, int] = {}
    for layer in net.layer:
        if layer.type == "Input":
            cells.update(dict.fromkeys(layer.top, length))
            continue
        if layer.type == "Deconvolution":
            return
        n = cells[layer.bottom[0]]
        if layer.type in SLIDING:
            at = slide(layer, 0)
            rounded = math.floor if layer.type == "Convolution" else math.ceil
            n = rounded((n + 2 * at.pad - at.extent) / at.stride) + 1
        yield n > 0
        cells.update(dict.fromkeys(layer.top, n))


def _upsampled(layer: Any, at: Mapping[str, Grid]) -> Iterator[str]:
    below, grid = at[layer.bottom[0]], at[layer.top[0]]
    kernel, stride = layer.convolution_param.kernel_size[0], layer.convolution_param.stride[0]
    centre = (kernel - 1) / 2
    yield f"{layer.name}: kernel {kernel}, stride {stride}"
    yield f"    {layer.bottom[0]} has a cell every {below.spacing:g} pixels, the first at pixel {below.first:g}."
    yield f"    The centre of {kernel} cells is ({kernel} - 1) / 2 = {centre:g}; new ones are {grid.spacing:g} apart:"
    yield f"    {below.first:g} - {centre:g} x {grid.spacing:g} = {grid.first:g} is where the first one lies."


def _cropped(layer: Any, at: Mapping[str, Grid]) -> Iterator[str]:
    name, reference = layer.bottom
    begin, goal, spacing = at[name].first, at[reference].first, at[name].spacing
    yield f"{layer.name}: offset {layer.crop_param.offset[0]}"
    yield f"    The first cell of {name} lies at pixel {begin:g}, that of {reference} at {goal:g},"
    yield f"    cells are {spacing:g} apart: ({goal:g} + {-begin:g}) / {spacing:g} = {(goal - begin) / spacing:g}."


def _tops(net: Any) -> dict[str, Any]:
    """Every blob as coord_map wants it: the net written in Python again. A Concat counts as its first bottom."""
    tops: dict[str, Any] = {}
    for layer in net.layer:
        bottoms = [tops[blob] for blob in layer.bottom]
        made = bottoms[0] if layer.type == "Concat" else getattr(L, layer.type)(*bottoms, **_geometry(layer))
        tops.update(dict.fromkeys([blob for blob in layer.top if blob not in layer.bottom], made))
    return tops


def _geometry(layer: Any) -> Mapping[str, Any]:
    """The parameters that coord_map looks at."""
    if layer.type in ("Convolution", "Deconvolution"):
        param = layer.convolution_param
        names = ("kernel_size", "stride", "pad", "dilation")
        return {name: list(getattr(param, name)) for name in names if len(getattr(param, name))}
    if layer.type == "Pooling":
        param = layer.pooling_param
        return {"kernel_size": param.kernel_size, "stride": param.stride, "pad": param.pad}
    if layer.type == "Crop":
        return {"axis": layer.crop_param.axis, "offset": list(layer.crop_param.offset)}
    return {}


def _sees(layer: Any, top: Any, below: Sequence[Grid]) -> int:
    if layer.type in SLIDING:
        _, _, kernel, _ = caffe.coord_map.conv_params(top.fn)
        return round(below[0].sees + (_one(kernel) - 1) * below[0].spacing)
    if layer.type == "Deconvolution":
        _, stride, kernel, _ = caffe.coord_map.conv_params(top.fn)
        return round(below[0].sees + (math.ceil(_one(kernel) / _one(stride)) - 1) * below[0].spacing)
    return below[0].sees if layer.type == "Crop" else max(grid.sees for grid in below)


def _one(coefficient: Any) -> float:
    """The coefficient of the first spatial axis; our nets' windows are square."""
    return float(np.ravel(coefficient)[0])
