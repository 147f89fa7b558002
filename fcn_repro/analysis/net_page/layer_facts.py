"""What the page shows of each layer, and the rule by which the sizes of its tops follow from those of its bottoms.

A rule is a list for the page's script: ["input"], ["same"], ["convolution", axes], ["deconvolution", axes],
["pooling", axes, rounds_up], ["crop"], ["whole"] (one cell), or ["fixed"], where the size is the engine's and an image
of another size is refused. `axes` has kernel extent, stride and pad of height and of width.
"""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Sequence

from fcn_repro.analysis.cost.costs import FILTERS, PER_WEIGHT
from fcn_repro.engine import caffe
from fcn_repro.layer_params.conv_window import read_window
from fcn_repro.layer_params.crop_offsets import read_crop_offsets
from fcn_repro.layer_params.layer_axis import is_spatial
from fcn_repro.model.receptive_field import explain_offsets, find_grids, is_cellwise

Facts = Mapping[str, Any]
SPATIAL_AXES = 2
SAME = ("Silence", "Softmax", "SoftmaxWithLoss", "MVN", "Filter")
LIST_DEFAULTS = {
    "stride": "1",
    "pad": "0",
    "dilation": "1",
}  # of convolution_param, whose lists have none in the schema
FIXED, IS_SAME = ["fixed"], ["same"]


def describe_layers(message: Any, net: Any, inputs: Sequence[str]) -> list[Facts]:
    """Return the facts of every layer of `message`, a NetParameter, in its order.

    net      the engine's net of it, at the size that the page shows first
    inputs   blobs that have the size of the image
    """
    grids = find_grids(message)
    explained = {text.partition(":")[0]: text.partition(":")[2].strip() for text in explain_offsets(message)}
    return [
        {
            "name": layer.name,
            "type": layer.type,
            "bottoms": list(layer.bottom),
            "tops": [_describe_top(top, net, grids) for top in layer.top],
            "rule": _find_rule(layer, net, inputs),
            "params": list(_list_params(layer)),
            "blobs": list(_describe_blobs(layer, net)),
            "flop": _count_flop_per_cell(layer, net),
            "derivation": explained.get(layer.name, ""),
            "offset": _read_offsets(layer),
            "in_place": bool(layer.bottom) and list(layer.top) == list(layer.bottom),
        }
        for layer in message.layer
    ]


def _describe_top(top: str, net: Any, grids: Mapping[str, Any]) -> Facts:
    grid = grids.get(top)
    return {
        "name": top,
        "shape": list(net.blobs[top].shape),
        "grid": [grid.offset, grid.stride, grid.receptive_field] if grid else None,
    }


def _find_rule(layer: Any, net: Any, inputs: Sequence[str]) -> list[Any]:
    """Return the rule of a layer's tops; see the module's docstring."""
    if not layer.bottom:
        return ["input"] if set(layer.top) & set(inputs) else FIXED
    if len(net.blobs[layer.top[0]].shape if layer.top else ()) != SPATIAL_AXES + 2:
        return FIXED if layer.type == "InnerProduct" or layer.top and not _is_loss(layer) else IS_SAME
    if layer.type in ("Convolution", "Deconvolution"):
        return [layer.type.lower(), _axes(read_window(layer, SPATIAL_AXES))]
    if layer.type == "Pooling":
        if layer.pooling_param.global_pooling:
            return ["whole"]
        return ["pooling", _axes(read_window(layer, SPATIAL_AXES)), layer.pooling_param.round_mode == 0]
    if layer.type == "Crop":
        return ["crop"] if layer.crop_param.axis == SPATIAL_AXES else FIXED
    if layer.type == "Slice":
        return FIXED if is_spatial(layer) else IS_SAME
    return IS_SAME if is_cellwise(layer) or layer.type in SAME else FIXED


def _read_offsets(layer: Any) -> list[int] | None:
    """The offsets of a Crop along height and width; None for other layers."""
    return read_crop_offsets(layer) if layer.type == "Crop" else None


def _is_loss(layer: Any) -> bool:
    return layer.type.endswith("Loss") or layer.type in ("Accuracy", "Silence")


def _axes(window: Any) -> list[list[int]]:
    return [list(axis) for axis in zip(window.extent, window.stride, window.pad)]


def _list_params(layer: Any) -> Iterator[Sequence[Any]]:
    """List a layer's fields with the defaults filled in: name, value, and whether the prototxt gives it."""
    for field, value in layer.ListFields():
        if field.name not in ("name", "type", "bottom", "top", "param") and field.message_type is None:
            yield field.name, _spell(field, value), True
    for field, value in layer.ListFields():
        if field.name.endswith("_param") and field.name != "param":
            yield from ((f"{field.name}.{name}", text, given) for name, text, given in _list_fields(value))


def _list_fields(message: Any) -> Iterator[Sequence[Any]]:
    given = {field.name for field, _ in message.ListFields()}
    by_axis = {name for name in given if name.endswith(("_h", "_w"))}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.name in given or (field.message_type is None and not _is_empty(value)):
            yield field.name, _spell(field, value), field.name in given
        elif field.name in LIST_DEFAULTS and f"{field.name}_h" not in by_axis:
            yield field.name, LIST_DEFAULTS[field.name], False


def _is_empty(value: Any) -> bool:
    return not isinstance(value, (bool, int, float)) and len(value) == 0


def _spell(field: Any, value: Any) -> str:
    if isinstance(value, (str, bytes, bool, int, float)):
        return _spell_one(field, value)
    if hasattr(value, "DESCRIPTOR"):
        return " ".join(str(value).split())
    return ", ".join(_spell(field, each) for each in value)


def _spell_one(field: Any, value: Any) -> str:
    if field.enum_type is not None:
        return field.enum_type.values_by_number[value].name
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _describe_blobs(layer: Any, net: Any) -> Iterator[Facts]:
    """The parameter blobs: shape, and the multipliers of learning rate and decay."""
    blobs = net.params[layer.name] if layer.name in net.params else []
    for index, blob in enumerate(blobs):
        spec = layer.param[index] if index < len(layer.param) else caffe.proto.caffe_pb2.ParamSpec()
        yield {"shape": list(blob.shape), "count": blob.count, "lr_mult": spec.lr_mult, "decay_mult": spec.decay_mult}


def _count_flop_per_cell(layer: Any, net: Any) -> float:
    """Count FLOP per cell of the filters' positions: the top's cells, of a Deconvolution the bottom's."""
    if layer.type not in FILTERS or layer.name not in net.params:
        return 0
    weights = net.params[layer.name][0]
    batch = int(net.blobs[layer.bottom[0]].shape[0])
    return PER_WEIGHT * batch * weights.count
