"""A net from a prototxt at an image size, with inputs in place of the layers that read data."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Sequence, Tuple

from google.protobuf import text_format

from fcn_repro.analysis.cost.costs import replace_data_layers
from fcn_repro.drawing.net_diagram.graph import included_layers
from fcn_repro.engine import caffe

COLOURS = 3  # channels of an image
IMAGE_AXES = 4
Size = Tuple[int, int]  # height and width


@dataclass(frozen=True)
class SizedNet:
    """The layers of a phase, the engine's net of them, and the blobs that have the size of the image."""

    message: Any
    net: Any
    inputs: Sequence[str]


def build_sized_net(message: Any, phase: int, size: Size, channels: Mapping[str, int], fault: str) -> SizedNet:
    """Build a phase of a NetParameter for one image of `size`; a net with InnerProduct layers has its own size.

    channels   of blobs that are read from data; others are colour images, or label maps if only losses read them
    fault      what an error names first: the file

    Raises   ValueError where no shape of the labels fits the net
    """
    layers = type(message)()
    layers.CopyFrom(message)
    del layers.layer[:]
    layers.layer.extend(included_layers(message, phase))
    if not layers.layer:
        raise ValueError(f"{fault}: got no `layer`, expected a prototxt of a NetParameter")
    labels, size = _find_labels(layers), _own_size(layers) or size
    error: Exception | None = None
    for label_shape in ((1, 1, *size), (1,), (1, 1)):
        shapes = {
            top: label_shape if top in labels else _input_shape(layer, i, channels.get(top), size)
            for layer in layers.layer
            if not layer.bottom and layer.type != "Parameter"
            for i, top in enumerate(layer.top)
        }
        try:
            net = _build(replace_data_layers(layers, shapes), phase)
        except RuntimeError as refusal:
            error = error or refusal
            continue
        return SizedNet(layers, net, [name for name, shape in shapes.items() if tuple(shape[2:]) == size])
    raise ValueError(f"{fault}: {error}")


def _input_shape(layer: Any, index: int, channels: int | None, size: Size) -> Sequence[int]:
    """The shape of a top that is read: an image of `size`, unless the layer declares a blob without height or width."""
    declared = _declared_shape(layer, index)
    if declared and (len(declared) != IMAGE_AXES or declared[2:] == [1, 1]):
        return declared
    return (1, channels or (declared[1] if declared else COLOURS), *size)


def _declared_shape(layer: Any, index: int) -> list[int]:
    """The shape that an Input or DummyData layer gives its top; empty without."""
    param = layer.dummy_data_param if layer.type == "DummyData" else layer.input_param
    sides = [] if layer.type != "DummyData" else [param.num, param.channels, param.height, param.width]
    if sides and param.num:
        return [(side[index : index + 1] or side[:1])[0] for side in sides]
    shape = (param.shape[index : index + 1] or param.shape[:1] or [None])[0]
    return list(shape.dim) if shape else []


def _own_size(layers: Any) -> Size | None:
    """The size that the weights of InnerProduct layers fit: as an input declares it, or the crop of the data layer."""
    if not any(layer.type == "InnerProduct" for layer in layers.layer):
        return None
    for layer in layers.layer:
        declared = _declared_shape(layer, 0)
        if len(declared) == IMAGE_AXES:
            return declared[2], declared[3]
        if layer.transform_param.crop_size:
            return int(layer.transform_param.crop_size), int(layer.transform_param.crop_size)
    return None


def _find_labels(layers: Any) -> set[str]:
    """The blobs that layers only compare with: second bottoms of losses and of Accuracy."""
    compared: set[str] = set()
    computed: set[str] = set()
    for layer in layers.layer:
        compares = layer.type.endswith("Loss") or layer.type == "Accuracy"
        for index, bottom in enumerate(layer.bottom):
            (compared if compares and index == 1 else computed).add(bottom)
    return compared - computed


def _build(message: Any, phase: int) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.prototxt"
        path.write_text(text_format.MessageToString(message), encoding="utf-8")
        return caffe.Net(str(path), phase)
