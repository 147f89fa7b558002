"""The offset of a Crop that gives none, derived from the net as forks of Caffe derive it.

BVLC's Crop without an offset crops from 0. The Crop of longjon's branch, on which FCN, HED and others were written,
has no offset field: it aligns its two bottoms.

Source   longjon/caffe e031116 crop_layer.cpp (LayerSetUp)
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fcn_repro.caffe.coord_map import AxisMismatchException, crop
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.net_spec import Function, Top
from fcn_repro.caffe.net_spec import layers as L
from fcn_repro.layer_params.conv_window import SLIDING, read_window
from fcn_repro.layer_params.crop_offsets import read_crop_offsets

# The branch maps the cells of these to themselves; coord_map stops at them.
_CELLWISE = ("BN", "Clip", "Concat", "SegAccuracy", "Slice", "Softmax", "Swish")


def find_crop_offset(net: Any, layer: Any) -> list[int]:
    """Return the offset that aligns a Crop's first bottom with its second: one value, or one per spatial axis.

    It follows the first bottom of each layer, and skips in-place layers.

    Parameters
        net     NetParameter of format V2; Crops before `layer` have their offsets
        layer   a Crop of `net`

    Raises   CaffeError naming the layer: its bottoms are disconnected, differ in stride, or call for an offset that is
             negative or fractional
    """
    if len(layer.bottom) != 2:
        raise CaffeError(f"layer {layer.name!r} (Crop): got {len(layer.bottom)} bottoms, expected 2")
    tops: dict[str, Top] = {}
    for other in net.layer:
        if other == layer:
            break
        for blob in other.top:
            if blob not in tops:
                tops[blob] = _make_top(other, tops)
    whole, like = (tops.setdefault(blob, L.Input()) for blob in layer.bottom)
    try:
        aligned = crop(L.Convolution(whole, kernel_size=1), like)  # 1x1 keeps the map, and names the axes
    except (AssertionError, AxisMismatchException, RuntimeError) as error:
        raise CaffeError(
            f"layer {layer.name!r} (Crop): got {layer.bottom[0]!r} and {layer.bottom[1]!r}, expected blobs that a crop "
            f"can align: {error}. Fix: set offset in crop_param"
        ) from None
    offset = aligned.fn.params["crop_param"]["offset"]
    return offset[:1] if len(set(offset)) == 1 else offset


def _make_top(layer: Any, tops: dict[str, Top]) -> Top:
    """Return the layer's top above its first bottom, with the parameters that coord_map reads."""
    below = tuple(tops.setdefault(blob, L.Input()) for blob in layer.bottom[:1])
    kind: str = layer.type
    params: dict[str, Any] = {}
    if kind == "Pooling" and layer.pooling_param.global_pooling:
        kind = "GlobalPooling"  # without geometry
    elif kind in (*SLIDING, "Im2col"):
        window = read_window(layer, fault=CaffeError)
        params = {name: list(values) for name, values in asdict(window).items()}
        params["kernel_size"] = params.pop("kernel")
    elif kind == "Crop":
        params = {"axis": layer.crop_param.axis, "offset": read_crop_offsets(layer, 1)}
    elif kind in _CELLWISE:
        kind = "Eltwise"
    return Function(kind, below, params).tops[0]
