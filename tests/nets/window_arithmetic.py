"""Sizes, receptive fields and parameter counts of a NetParameter, by the textbook formulas; square windows only."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

CLASSES = tuple(f"class {i}" for i in range(21))


def data(*inputs: str, **heads: int) -> SimpleNamespace:
    """Facts of a data set: depth has one channel, all else three; each head has so many classes."""
    classes = {label: CLASSES[:1] * count for label, count in heads.items()} or {"label": CLASSES}
    return SimpleNamespace(
        inputs={name: 1 if name == "depth" else 3 for name in inputs or ["data"]},
        heads=classes,
        class_names=next(iter(classes.values())),
        void=255,
        train=SimpleNamespace(module="voc_layers", layer="SBDDSegDataLayer", params={"split": "train"}),
        val=SimpleNamespace(module="voc_layers", layer="VOCSegDataLayer", params={"split": "seg11valid"}),
    )


DATA = data()
EARLY, LATE = data("color", "depth"), data("color", "hha")


def data_for(net: str) -> SimpleNamespace:
    """What a net of that name can read."""
    return EARLY if net.endswith("-early") else LATE if net.endswith("-late") else DATA


SOURCES = ("Python", "Data", "Input")  # types of layers that have no bottom


@dataclass
class Plane:
    """A blob along one spatial axis: cells, channels, pixels that a cell sees, and pixels from cell to cell."""

    cells: int
    channels: int
    field: int = 1
    jump: int = 1


def by_name(net: Any) -> dict:
    return {layer.name: layer for layer in net.layer}


def walk(net: Any, height: int) -> dict[str, Plane]:
    """Every blob of a net whose inputs are `height` cells high; depth has one channel, all others three."""
    planes: dict[str, Plane] = {}
    for layer in net.layer:
        if layer.type in SOURCES:
            planes.update({name: Plane(height, 1 if name == "depth" else 3) for name in layer.top})
            continue
        planes[layer.top[0]] = top(layer, [planes[name] for name in layer.bottom if name in planes])
    return planes


def top(layer: Any, bottoms: list[Plane]) -> Plane:
    below = bottoms[0]
    if layer.type == "SoftmaxWithLoss":
        return Plane(1, 1)
    if layer.type == "Convolution":
        kernel, stride, pad = window(layer.convolution_param)
        cells = (below.cells + 2 * pad - kernel) // stride + 1
        return slid(below, cells, kernel, stride, layer.convolution_param.num_output)
    if layer.type == "Pooling":
        param = layer.pooling_param
        cells = -(-(below.cells + 2 * param.pad - param.kernel_size) // param.stride) + 1
        if param.pad and (cells - 1) * param.stride >= below.cells + param.pad:
            cells -= 1
        return slid(below, cells, param.kernel_size, param.stride, below.channels)
    if layer.type == "Deconvolution":
        kernel, stride, pad = window(layer.convolution_param)
        cells = (below.cells - 1) * stride + kernel - 2 * pad
        return Plane(cells, layer.convolution_param.num_output, below.field, below.jump // stride)
    if layer.type == "Crop":
        reference, (offset,) = bottoms[1], layer.crop_param.offset
        assert offset + reference.cells <= below.cells, f"{layer.name}: {offset} + {reference.cells} > {below.cells}"
        return Plane(reference.cells, below.channels, below.field, below.jump)
    if layer.type == "Concat":
        assert len({plane.cells for plane in bottoms}) == 1, layer.name
        return Plane(
            below.cells, sum(plane.channels for plane in bottoms), max(plane.field for plane in bottoms), below.jump
        )
    if layer.type == "InnerProduct":
        return Plane(1, layer.inner_product_param.num_output)
    if layer.type == "Eltwise":
        assert len({plane.cells for plane in bottoms}) == 1, layer.name
        return Plane(below.cells, below.channels, max(plane.field for plane in bottoms), below.jump)
    return below


def slid(below: Plane, cells: int, kernel: int, stride: int, channels: int) -> Plane:
    return Plane(cells, channels, below.field + (kernel - 1) * below.jump, below.jump * stride)


def window(param: Any) -> tuple[int, int, int]:
    return param.kernel_size[0], (*param.stride, 1)[0], (*param.pad, 0)[0]


def parameters(net: Any, height: int = 224) -> dict[str, int]:
    """Weights and biases of every layer that has any."""
    planes = walk(net, height)
    counts = {}
    for layer in net.layer:
        if layer.type == "Convolution":
            param = layer.convolution_param
            inputs = planes[layer.bottom[0]].channels // param.group * param.kernel_size[0] ** 2
            counts[layer.name] = param.num_output * (inputs + 1)
        if layer.type == "InnerProduct":
            below = planes[layer.bottom[0]]
            counts[layer.name] = layer.inner_product_param.num_output * (below.channels * below.cells**2 + 1)
    return counts
