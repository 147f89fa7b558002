"""A net as boxes and arrows: a box for each layer, which also names the in-place layers on its top."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Iterator, Mapping, Sequence

from fcn_repro.layer_params.conv_window import read_window
from fcn_repro.layer_params.loss_normalization import is_summed, read_normalization

# Layer type -> the family whose colour it has; other types are of the family "other".
FAMILIES = {
    **dict.fromkeys(("Data", "DummyData", "HDF5Data", "ImageData", "Input", "MemoryData", "Python"), "data"),
    **dict.fromkeys(("Convolution",), "convolution"),
    **dict.fromkeys(("Deconvolution",), "upsampling"),
    **dict.fromkeys(("Pooling",), "pooling"),
    **dict.fromkeys(("InnerProduct",), "fully connected"),
    **dict.fromkeys(("Crop", "Slice"), "crop"),
    **dict.fromkeys(("Concat", "Eltwise"), "join"),
    **dict.fromkeys(("EuclideanLoss", "InfogainLoss", "SigmoidCrossEntropyLoss", "SoftmaxWithLoss"), "loss"),
}


@dataclass
class Box:
    """A layer: its name, its facts, and the in-place layers after it."""

    name: str
    family: str
    facts: str
    in_place: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """The lines of text below the name."""
        return [line for line in (self.facts, " · ".join(self.in_place)) if line]


@dataclass(frozen=True)
class Arrow:
    """An arrow between boxes, by their indices; `blob` is named where a layer has several tops."""

    tail: int
    head: int
    blob: str = ""


@dataclass
class Graph:
    """Boxes in the order of the layers; every arrow points to a later box."""

    boxes: list[Box]
    arrows: list[Arrow]


def build_graph(net: Any, phase: int) -> Graph:
    """Build the graph of a NetParameter (format `layer`) in a phase, caffe.TRAIN or caffe.TEST."""
    drawn = Graph([], [])
    maker: dict[str, tuple[int, str]] = {}  # blob -> the box that makes it, and the name to write on arrows from it
    for layer in included_layers(net, phase):
        makers = [maker[blob] for blob in layer.bottom if blob in maker]
        if makers and list(layer.top) == list(layer.bottom):
            drawn.boxes[makers[0][0]].in_place.append(_in_place(layer))
            continue
        here = len(drawn.boxes)
        drawn.boxes.append(Box(layer.name, FAMILIES.get(layer.type, "other"), _facts(layer)))
        drawn.arrows += [Arrow(tail, here, blob) for tail, blob in dict.fromkeys(makers)]
        maker.update((blob, (here, blob if len(layer.top) > 1 else "")) for blob in layer.top)
    return drawn


def included_layers(net: Any, phase: int) -> Iterator[Any]:
    """The layers of a NetParameter that its rules include in a phase, caffe.TRAIN or caffe.TEST."""
    for layer in net.layer:
        included = not layer.include or any(not r.HasField("phase") or r.phase == phase for r in layer.include)
        excluded = any(r.HasField("phase") and r.phase == phase for r in layer.exclude)
        if included and not excluded:
            yield layer


# ---- facts of a layer ----------------------------------------------------------------------------------------------


def _facts(layer: Any) -> str:
    describe = _DESCRIPTIONS.get(layer.type)
    return " · ".join(fact for fact in (layer.type, *(describe(layer) if describe else ())) if fact)


def _in_place(layer: Any) -> str:
    return f"{layer.type} {layer.dropout_param.dropout_ratio:g}" if layer.type == "Dropout" else layer.type


def _convolution(layer: Any) -> Sequence[str]:
    param = layer.convolution_param
    kernel, *rest = _window(layer)
    return (
        *(kernel, f"{param.num_output} out", *rest),
        f"group {param.group}" if param.group != 1 else "",
        _frozen(layer),
    )


def _pooling(layer: Any) -> Sequence[str]:
    param = layer.pooling_param
    method = _name_value(param, "pool")
    if param.global_pooling:
        return (method, "the whole image")
    return (method, *_window(layer))


def _loss(layer: Any) -> Sequence[str]:
    param = layer.loss_param
    weights = [f"weight {weight:g}" for weight in layer.loss_weight if weight != 1]
    return (
        "sum" if is_summed(read_normalization(layer)) else "mean",
        f"ignores {param.ignore_label}" if param.HasField("ignore_label") else "",
        *weights,
    )


def _frozen(layer: Any) -> str:
    return "frozen" if layer.param and all(spec.lr_mult == 0 for spec in layer.param) else ""


def _window(layer: Any) -> Sequence[str]:
    """The kernel; pad, stride and dilation where they are not the default."""
    window = read_window(layer)
    options = (("pad", window.pad, 0), ("stride", window.stride, 1), ("dilation", window.dilation, 1))
    return (
        "x".join(map(str, window.kernel)),
        *(f"{name} {_spell(values)}" for name, values, default in options if {*values} != {default}),
    )


def _spell(values: Sequence[int]) -> str:
    return "x".join(map(str, values if len({*values}) > 1 else values[:1]))


def _shapes(layer: Any) -> Sequence[str]:
    return ["x".join(str(dim) for dim in shape.dim) for shape in layer.input_param.shape]


def _eltwise(layer: Any) -> Sequence[str]:
    return [_name_value(layer.eltwise_param, "operation")]


def _name_value(message: Any, field: str) -> str:
    """The name of an enum's value, in small letters."""
    enum = message.DESCRIPTOR.fields_by_name[field].enum_type
    return enum.values_by_number[getattr(message, field)].name.lower()


_DESCRIPTIONS: Mapping[str, Callable[[Any], Sequence[str]]] = {
    "Convolution": _convolution,
    "Crop": lambda layer: [f"offset {_spell(layer.crop_param.offset)}"],
    "Data": lambda layer: [layer.data_param.source, f"batch {layer.data_param.batch_size}"],
    "Deconvolution": _convolution,
    "Dropout": lambda layer: [f"{layer.dropout_param.dropout_ratio:g}"],
    "Eltwise": _eltwise,
    "InnerProduct": lambda layer: [f"{layer.inner_product_param.num_output} out", _frozen(layer)],
    "Input": _shapes,
    "LRN": lambda layer: [f"size {layer.lrn_param.local_size}"],
    "Pooling": _pooling,
    "Python": lambda layer: [layer.python_param.layer],
    "Scale": lambda layer: [f"{layer.scale_param.filler.value:g}", _frozen(layer)],
    "SoftmaxWithLoss": _loss,
    "InfogainLoss": _loss,
}
