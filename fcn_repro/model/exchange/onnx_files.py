"""Nets as ONNX files, for images of any height and width; and the weights in other people's ONNX files."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from fcn_repro.errors import DataError
from fcn_repro.model.deploy_metadata import Deployment
from fcn_repro.model.exchange.graph import Graph, Step
from fcn_repro.model.window import slide
from fcn_repro.system.atomic_write import atomic_write

OPSET, IR_VERSION = 17, 8  # of 2022: what programs of today read
AXES = ("batch", "channels", "height", "width")


class Writer:
    """The nodes and constants of an ONNX graph as it grows."""

    def __init__(self) -> None:
        self.onnx = package("onnx")
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def node(self, operator: str, reads: Sequence[str], makes: str, **attributes: object) -> str:
        """Add a node; the name of what it makes."""
        self.nodes.append(self.onnx.helper.make_node(operator, list(reads), [makes], name=makes, **attributes))
        return makes

    def constant(self, name: str, array: np.ndarray) -> str:
        """Add a constant; its name."""
        self.initializers.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def weights(self, step: Step) -> list[str]:
        """Add a layer's weights; their names."""
        return [self.constant(f"{step.name}.{i}", array) for i, array in enumerate(step.weights)]


def write(path: Path, net: Graph, note: Deployment) -> None:
    """Write a net as one ONNX file. Its metadata say how its input is made and what its scores stand for.

    Raises   DataError where the package onnx is missing; ValueError naming a layer that has no equal in ONNX
    """
    writer = Writer()
    for step in net.steps:
        if step.layer.type not in WRITERS:
            known = ", ".join(WRITERS)
            raise ValueError(f"layer {step.layer.name} of type {step.layer.type} has no ONNX here; these have: {known}")
        WRITERS[step.layer.type](writer, step)
    for blob, value in net.outputs.items():
        if blob != value:
            writer.node("Identity", [value], blob)
    helper = writer.onnx.helper
    inputs = [_image(writer.onnx, name, dims if net.fixed else (None, dims[1])) for name, dims in net.inputs.items()]
    outputs = [helper.make_tensor_value_info(name, writer.onnx.TensorProto.FLOAT, None) for name in net.outputs]
    graph = helper.make_graph(writer.nodes, path.stem, inputs, outputs, writer.initializers)
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, producer_name="fcn-repro", opset_imports=opset, ir_version=IR_VERSION)
    facts = {"input": "B G R, 0-255, minus mean_bgr", "mean_bgr": note.mean_bgr, "classes": note.classes}
    helper.set_model_props(model, {name: json.dumps(value) for name, value in facts.items()})
    model = writer.onnx.shape_inference.infer_shapes(model)
    writer.onnx.checker.check_model(model)
    with atomic_write(path, "wb") as file:
        file.write(model.SerializeToString())


def run(path: Path, inputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """What ONNX Runtime computes from inputs, on the CPU: each output by name.

    Raises   DataError where the package onnxruntime is missing
    """
    runtime = package("onnxruntime")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(inputs))))


def read_layers(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """The weights and biases of a file's convolutions and fully connected layers, in the order they are computed in.

    Nothing outside the file is opened. (O, I, kH, kW) or (O, I), and (O).

    Raises   DataError where the package onnx is missing, or the file is none, or holds weights that are elsewhere
    """
    onnx = package("onnx")
    try:
        model = onnx.load(str(path), load_external_data=False)
        constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    except Exception as error:  # noqa: BLE001  protobuf, onnx and numpy each have their own
        raise DataError(f"{path}: no ONNX file with its weights inside ({type(error).__name__}: {error})") from error
    layers = []
    for node in model.graph.node:
        if node.op_type == "BatchNormalization":
            raise DataError(f"{path}: node {node.name} normalises batches, and the VGG-16 of the paper does not")
        if node.op_type in ("Conv", "Gemm") and set(node.input[1:]) <= set(constants):
            weights = constants[node.input[1]]
            transposed = any(each.name == "transB" and each.i for each in node.attribute)
            weights = weights.T if node.op_type == "Gemm" and not transposed else weights
            bias = constants[node.input[2]] if len(node.input) > 2 else np.zeros(len(weights), np.float32)
            layers.append((weights, bias))
    return layers


def package(name: str) -> ModuleType:
    """A package that only this module needs.

    Raises   DataError saying how to get it
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DataError(f"the package {name} is missing ({error}). Get it: pip install {name}") from error


def _image(onnx: ModuleType, name: str, dims: Sequence[int | None]) -> Any:
    shape = [*dims, *AXES[len(dims) :]]
    shape = [axis if dim is None else dim for dim, axis in zip(shape, AXES)]
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)


# -- layer by layer ------------------------------------------------------------------------------------------------


def _window(step: Step) -> dict[str, Any]:
    """Kernel, stride, pads and dilation as ONNX's attributes."""
    rows, columns = (slide(step.layer, axis) for axis in (0, 1))
    pads = [rows.pad, columns.pad] * 2  # above, left, below, right
    window = {"kernel_shape": [rows.kernel, columns.kernel], "strides": [rows.stride, columns.stride], "pads": pads}
    dilations = [rows.dilation, columns.dilation]
    return window if step.layer.type == "Pooling" else {**window, "dilations": dilations, "group": step.group}


def _convolution(writer: Writer, step: Step) -> None:
    operator = "ConvTranspose" if step.layer.type == "Deconvolution" else "Conv"
    writer.node(operator, [step.reads[0], *writer.weights(step)], step.makes, **_window(step))


def _pooling(writer: Writer, step: Step) -> None:
    param = step.layer.pooling_param
    kind = "MaxPool" if param.pool == param.MAX else "AveragePool"
    if param.global_pooling:
        writer.node(f"Global{kind}", step.reads, step.makes)
    else:
        included = {} if kind == "MaxPool" else {"count_include_pad": 1}
        writer.node(kind, step.reads, step.makes, ceil_mode=1, **_window(step), **included)


def _relu(writer: Writer, step: Step) -> None:
    slope = step.layer.relu_param.negative_slope
    if slope:
        writer.node("LeakyRelu", step.reads, step.makes, alpha=slope)
    else:
        writer.node("Relu", step.reads, step.makes)


def _crop(writer: Writer, step: Step) -> None:
    """A Slice of the second bottom's height and width, whatever they are when it runs."""
    what, like = step.reads
    offsets = (list(step.layer.crop_param.offset) or [0]) * 2
    start = writer.constant(f"{step.name}.start", np.array(offsets[:2], np.int64))
    size = writer.node("Shape", [like], f"{step.name}.size", start=2, end=4)
    end = writer.node("Add", [start, size], f"{step.name}.end")
    axes = writer.constant(f"{step.name}.axes", np.array([2, 3], np.int64))
    writer.node("Slice", [what, start, end, axes], step.makes)


def _eltwise(writer: Writer, step: Step) -> None:
    param = step.layer.eltwise_param
    reads = list(step.reads)
    for i, coefficient in enumerate(param.coeff):
        if coefficient != 1:
            factor = writer.constant(f"{step.name}.coeff{i}", np.array(coefficient, np.float32))
            reads[i] = writer.node("Mul", [reads[i], factor], f"{step.name}.term{i}")
    if param.operation == param.PROD and len(reads) != 2:
        raise ValueError(f"layer {step.layer.name} multiplies {len(reads)} bottoms; expected 2")
    writer.node({param.SUM: "Sum", param.MAX: "Max", param.PROD: "Mul"}[param.operation], reads, step.makes)


def _scale(writer: Writer, step: Step) -> None:
    """Factors, and perhaps terms, of each channel."""
    if len(step.reads) > 1 or step.layer.scale_param.axis != 1 or step.layer.scale_param.num_axes != 1:
        raise ValueError(f"layer {step.layer.name} scales by more than channels")
    factor, *term = step.weights
    factor_name = writer.constant(f"{step.name}.0", factor.reshape(-1, 1, 1))
    made = writer.node("Mul", [step.reads[0], factor_name], f"{step.name}.scaled" if term else step.makes)
    if term:
        writer.node("Add", [made, writer.constant(f"{step.name}.1", term[0].reshape(-1, 1, 1))], step.makes)


def _lrn(writer: Writer, step: Step) -> None:
    param = step.layer.lrn_param
    if param.norm_region != param.ACROSS_CHANNELS:
        raise ValueError(f"layer {step.layer.name} normalises within channels; expected across them")
    rest = {"size": param.local_size, "alpha": param.alpha, "beta": param.beta, "bias": param.k}
    writer.node("LRN", step.reads, step.makes, **rest)


def _inner_product(writer: Writer, step: Step) -> None:
    flat = writer.node("Flatten", step.reads, f"{step.name}.flat", axis=step.layer.inner_product_param.axis)
    transposed = int(not step.layer.inner_product_param.transpose)
    writer.node("Gemm", [flat, *writer.weights(step)], step.makes, transB=transposed)


WRITERS: Mapping[str, Callable[[Writer, Step], None]] = {
    "Convolution": _convolution,
    "Deconvolution": _convolution,
    "Pooling": _pooling,
    "ReLU": _relu,
    "Crop": _crop,
    "Eltwise": _eltwise,
    "Scale": _scale,
    "LRN": _lrn,
    "InnerProduct": _inner_product,
    "Concat": lambda writer, step: _over_channels(writer, step, "Concat", step.layer.concat_param.axis),
    "Softmax": lambda writer, step: _over_channels(writer, step, "Softmax", step.layer.softmax_param.axis),
}


def _over_channels(writer: Writer, step: Step, operator: str, axis: int) -> None:
    writer.node(operator, step.reads, step.makes, axis=axis)
