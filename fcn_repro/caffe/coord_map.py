"""Coordinate maps between blobs, and the Crop that aligns one blob with another.

A layer's spatial geometry is a map (axis, scale, shift): output coordinate = scale * input coordinate + shift, on the
spatial axes that follow `axis`. Maps compose along a path of layers and have inverses. So the layers between a crop's
two bottoms give its offset.

Source   caffe 9b89154 python/caffe/coord_map.py
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fcn_repro.caffe.net_spec import Function, Top
from fcn_repro.caffe.net_spec import layers as L

Coefficient = int | float | np.ndarray  # arrays: one entry for all spatial axes, or one each
CoordMap = tuple[int | None, Coefficient, Coefficient]

IDENTITY: CoordMap = (None, 1, 0)
PASS_THROUGH_LAYERS = [
    "AbsVal", "BatchNorm", "Bias", "BNLL", "Dropout", "Eltwise", "ELU", "Exp", "Log", "LRN", "MVN", "Power", "PReLU",
    "ReLU", "Scale", "Sigmoid", "Split", "TanH", "Threshold",
]  # fmt: skip
_BY_AXIS_NAME = {"pad_h", "pad_w", "kernel_h", "kernel_w", "stride_h", "stride_w"}


class UndefinedMapException(Exception):  # noqa: N818 - pycaffe's name
    """The layer type has no spatial geometry."""


class AxisMismatchException(Exception):  # noqa: N818 - pycaffe's name
    """Two maps have different axes."""


def coord_map(fn: Function) -> CoordMap:
    """Return the map of one layer, from its bottom's coordinates to its top's.

    Raises   UndefinedMapException for a type without geometry; AssertionError for kernel_h and the like
    """
    if fn.type_name in ("Convolution", "Pooling", "Im2col"):
        axis, stride, kernel, pad = conv_params(fn)
        return axis, 1 / stride, (pad - (kernel - 1) / 2) / stride
    if fn.type_name == "Deconvolution":
        axis, stride, kernel, pad = conv_params(fn)
        return axis, stride, (kernel - 1) / 2 - pad
    if fn.type_name in PASS_THROUGH_LAYERS:
        return IDENTITY
    if fn.type_name == "Crop":
        axis, offset = crop_params(fn)
        return axis - 1, 1, -offset
    raise UndefinedMapException(fn.type_name)


def conv_params(fn: Function) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """Return a window's (axis, stride, kernel extent with dilation, pad)."""
    given = fn.params.get("convolution_param", fn.params)
    by_name = sorted(_BY_AXIS_NAME & (set(given) | set(fn.params)))
    assert not by_name, f"cropping does not support windows given by {', '.join(by_name)}; give lists"
    kernel, stride, pad, dilation = (
        np.array(value, ndmin=1)
        for value in (given["kernel_size"], given.get("stride", 1), given.get("pad", 0), given.get("dilation", 1))
    )
    return given.get("axis", 1), stride, (kernel - 1) * dilation + 1, pad


def crop_params(fn: Function) -> tuple[int, np.ndarray]:
    """Return a crop's (axis, offset)."""
    given = fn.params.get("crop_param", fn.params)
    return given.get("axis", 2), np.array(given.get("offset", 0), ndmin=1)


def compose(outer: CoordMap, inner: CoordMap) -> CoordMap:
    """Return the map that applies `inner` first and `outer` second.

    Raises   AxisMismatchException when both have an axis and the two differ
    """
    (axis, scale, shift), (inner_axis, inner_scale, inner_shift) = outer, inner
    if axis is None:
        axis = inner_axis
    elif inner_axis not in (None, axis):
        raise AxisMismatchException(f"axis {axis} after axis {inner_axis}")
    return axis, scale * inner_scale, scale * inner_shift + shift


def inverse(coord_map: CoordMap) -> CoordMap:
    """Return the map from the top's coordinates to the bottom's."""
    axis, scale, shift = coord_map
    return axis, 1 / scale, -shift / scale


def coord_map_from_to(top_from: Top, top_to: Top) -> CoordMap:
    """Return the map from `top_from`'s coordinates to `top_to`'s, through their nearest common ancestor.

    It assumes that all paths between two blobs agree.

    Raises   RuntimeError when no path of layers with geometry connects the two
    """
    from_ancestors = dict(_ancestors(top_from))
    for ancestor, to_map in _ancestors(top_to):
        if ancestor in from_ancestors:
            return compose(to_map, inverse(from_ancestors[ancestor]))
    raise RuntimeError("Could not compute map between tops; are they connected by spatial layers?")


def _ancestors(top: Top) -> Iterator[tuple[Top, CoordMap]]:
    """Yield the top and its ancestors, nearest first, each with the map from it to `top`."""
    maps: dict[Top, CoordMap] = {top: IDENTITY}
    waiting = [top]
    for current in waiting:
        yield current, maps[current]
        bottoms = current.fn.inputs[:1] if current.fn.type_name == "Crop" else current.fn.inputs
        try:
            found = compose(maps[current], coord_map(current.fn))
        except UndefinedMapException:
            continue
        for bottom in bottoms:
            if bottom not in maps:
                maps[bottom] = found
                waiting.append(bottom)


def crop(top_from: Top, top_to: Top) -> Any:
    """Return a Crop of `top_from` to the size of `top_to`, at the offset where their coordinates agree.

    Raises   AssertionError when the scales differ, or the offset is negative or fractional; RuntimeError as
             `coord_map_from_to`
    """
    axis, scale, shift = coord_map_from_to(top_from, top_to)
    assert axis is not None, "cannot crop: no layer between the tops defines the spatial axes"
    scale, shift = np.array(scale, ndmin=1), np.array(shift, ndmin=1)
    assert (scale == 1).all(), f"scale mismatch on crop (a = {scale})"
    assert (shift <= 0).all(), f"cannot crop negative offset (b = {shift})"
    assert (np.round(shift) == shift).all(), f"cannot crop noninteger offset (b = {shift})"
    return L.Crop(top_from, top_to, crop_param={"axis": axis + 1, "offset": [-int(b) for b in shift]})
