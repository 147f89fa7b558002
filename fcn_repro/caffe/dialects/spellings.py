"""Forks' words for what Caffe has: replaced in a NetParameter of any format, with a warning for each.

Sources   DeepLab v1 (hole), NVCaffe and OpenVINO's fork (ceil_mode, ReLU6), BVLC/caffe#5665 (ConvolutionDepthwise),
          yun-liu/rcf (AutoCrop)
"""

from __future__ import annotations

from typing import Any

from fcn_repro.caffe.crop_offset import find_crop_offset
from fcn_repro.caffe.dialects import warn_once
from fcn_repro.caffe.errors import CaffeError, attach_file

DEPTHWISE = ("ConvolutionDepthwise", "DepthwiseConvolution", "ConvDepthwise", "DepthwiseConv")


def replace_fields(net: Any, source: str) -> None:
    """Replace fields of layers in place, before the net is upgraded; `source` names the net in warnings and errors.

    Raises   CaffeError for a field beside Caffe's own field of the same meaning
    """
    for layer in [*net.layers, *net.layer]:
        for replace in (_replace_ceil_mode, _replace_hole, _drop_shuffle, _drop_strict_dim):
            with attach_file(source):
                done = replace(layer)
            if done:
                warn_once("%s: layer %r: %s", source, layer.name, done)


def replace_types(net: Any, source: str) -> None:
    """Replace layer types of an upgraded net in place.

    Raises   CaffeError as `find_crop_offset`, for AutoCrop
    """
    layers = list(net.layer)
    del net.layer[:]
    for layer in layers:
        old, parts = layer.type, [layer]
        if old in DEPTHWISE:
            layer.type = "Convolution"
            if not layer.convolution_param.HasField("group"):
                layer.convolution_param.group = layer.convolution_param.num_output
            done = f"Convolution with group {layer.convolution_param.group}"
        elif old == "ReLU6":
            parts, done = _split_relu6(layer), "ReLU, and Clip at 6"
        elif old == "AutoCrop":
            layer.type = "Crop"
            with attach_file(source):
                layer.crop_param.offset[:] = find_crop_offset(_with(net, layer), layer)
            done = f"Crop with offset {list(layer.crop_param.offset)}"
        else:
            done = ""
        if done:
            warn_once("%s: layer %r: %s is read as %s", source, layer.name, old, done)
        net.layer.extend(parts)


def _replace_ceil_mode(layer: Any) -> str:
    param = layer.pooling_param
    if not param.HasField("ceil_mode"):
        return ""
    mode = param.CEIL if param.ceil_mode else param.FLOOR
    if param.HasField("round_mode") and param.round_mode != mode:
        raise CaffeError(f"layer {layer.name!r}: got ceil_mode and another round_mode. Fix: keep round_mode")
    text = f"ceil_mode: {str(param.ceil_mode).lower()} is read as round_mode: {'CEIL' if param.ceil_mode else 'FLOOR'}"
    param.round_mode = mode
    param.ClearField("ceil_mode")
    return text


def _replace_hole(layer: Any) -> str:
    param = layer.convolution_param
    sides = [name for name in ("hole_h", "hole_w") if param.HasField(name)]
    if not sides and not param.HasField("hole"):
        return ""
    if param.dilation or len(sides) == 1 or (sides and param.HasField("hole")):
        raise CaffeError(
            f"layer {layer.name!r}: got hole in two forms, or half of one; expected hole, or hole_h and hole_w. "
            "Fix: write dilation"
        )
    param.dilation.extend([param.hole_h, param.hole_w] if sides else [param.hole])
    for name in ("hole", "hole_h", "hole_w"):
        param.ClearField(name)
    return f"hole is read as dilation: {list(param.dilation)}"


def _drop_shuffle(layer: Any) -> str:
    if not layer.data_param.HasField("shuffle"):
        return ""
    shuffles = layer.data_param.shuffle
    layer.data_param.ClearField("shuffle")
    return "shuffle of data_param is ignored: databases are read in order, as in Caffe" if shuffles else ""


def _drop_strict_dim(layer: Any) -> str:
    if not layer.HasField("strict_dim"):
        return ""
    layer.ClearField("strict_dim")
    return "strict_dim is ignored: weights must have the layer's shape, as in Caffe"


def _split_relu6(layer: Any) -> list[Any]:
    """Return max(x, 0) and, in place on its top, min(x, 6): the gradient is 0 at both ends' outer sides."""
    clip = type(layer)()
    clip.CopyFrom(layer)
    layer.type = "ReLU"
    clip.name, clip.type = f"{layer.name}/clip", "Clip"
    del clip.bottom[:]
    clip.bottom.extend(clip.top)
    clip.clip_param.min, clip.clip_param.max = 0, 6
    clip.ClearField("relu_param")
    return [layer, clip]


def _with(net: Any, layer: Any) -> Any:
    """Return a net of the layers so far and one more."""
    whole = type(net)()
    whole.layer.extend([*net.layer, layer])
    return whole
