"""Write nets as ONNX files for images of any size, and run them."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from fcn_repro.errors import DataError
from fcn_repro.layer_params.conv_window import read_window
from fcn_repro.model.deploy_metadata import DeployMetadata
from fcn_repro.model.exchange.graph import Graph, Step, rounds_up
from fcn_repro.model.exchange.onnx_fork_layers import FORK_WRITERS
from fcn_repro.system.atomic_write import atomic_write

OPSET, IR_VERSION = 17, 8  # of 2022, which current programs read
AXES = ("batch", "channels", "height", "width")


class Writer:
    """Collects the nodes and constants of an ONNX graph."""

    def __init__(self) -> None:
        self.onnx = import_package("onnx")
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def add(self, operator: str, inputs: Sequence[str], *outputs: str, **attributes: object) -> str:
        """Add a node and return its first output's name."""
        self.nodes.append(self.onnx.helper.make_node(operator, list(inputs), outputs, name=outputs[0], **attributes))
        return outputs[0]

    def add_constant(self, name: str, array: np.ndarray) -> str:
        """Add a constant and return its name."""
        self.initializers.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add_weights(self, step: Step) -> list[str]:
        """Add a layer's weights and return their names."""
        return [self.add_constant(f"{step.name}.{i}", array) for i, array in enumerate(step.weights)]


def write(path: Path, net: Graph, metadata: DeployMetadata) -> None:
    """Write a net as one ONNX file, with its preprocessing and class names as metadata.

    Raises   DataError if the package onnx is missing; ValueError naming a layer without an equivalent in ONNX
    """
    writer = Writer()
    for step in net.steps:
        if step.layer.type not in WRITERS:
            known = ", ".join(WRITERS)
            raise ValueError(f"layer {step.layer.name}: got type {step.layer.type}, expected one with ONNX: {known}")
        WRITERS[step.layer.type](writer, step)
    for blob, value in net.outputs.items():
        if blob != value:
            writer.add("Identity", [value], blob)
    helper = writer.onnx.helper
    inputs = [
        _make_input(writer.onnx, name, dims if net.has_fixed_size else (None, dims[1]))
        for name, dims in net.inputs.items()
    ]
    outputs = [helper.make_tensor_value_info(name, writer.onnx.TensorProto.FLOAT, None) for name in net.outputs]
    graph = helper.make_graph(writer.nodes, path.stem, inputs, outputs, writer.initializers)
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, producer_name="fcn-repro", opset_imports=opset, ir_version=IR_VERSION)
    facts = {"input": "B G R, 0-255, minus mean_bgr", "mean_bgr": metadata.mean_bgr, "classes": metadata.classes}
    helper.set_model_props(model, {name: json.dumps(value) for name, value in facts.items()})
    model = writer.onnx.shape_inference.infer_shapes(model)
    for output in model.graph.output:
        if not output.type.tensor_type.HasField("shape"):  # after MaxUnpool, whose size is known at run time only
            output.type.tensor_type.shape.dim.extend([writer.onnx.TensorShapeProto.Dimension()] * len(AXES))
    writer.onnx.checker.check_model(model)
    with atomic_write(path, "wb") as file:
        file.write(model.SerializeToString())


def run(path: Path, inputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """Run a file with ONNX Runtime on the CPU and return its outputs by name.

    Raises   DataError if the package onnxruntime is missing
    """
    runtime = import_package("onnxruntime")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(inputs))))


def import_package(name: str) -> ModuleType:
    """Import an optional package.

    Raises   DataError with the command that installs it
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DataError(f"the package {name} is missing ({error}). Fix: pip install {name}") from error


def _make_input(onnx: ModuleType, name: str, dims: Sequence[int | None]) -> Any:
    shape = [*dims, *AXES[len(dims) :]]
    shape = [axis if dim is None else dim for dim, axis in zip(shape, AXES)]
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)


# -- layer by layer ------------------------------------------------------------------------------------------------


def _window_attributes(step: Step) -> dict[str, Any]:
    """Return kernel, stride, pads and dilation as ONNX's attributes."""
    window = read_window(step.layer, 2)
    pads = [*window.pad] * 2  # above, left, below, right
    attributes = {"kernel_shape": [*window.kernel], "strides": [*window.stride], "pads": pads}
    if step.layer.type == "Pooling":
        return attributes
    return {**attributes, "dilations": [*window.dilation], "group": step.group}


def _add_convolution(writer: Writer, step: Step) -> None:
    operator = "ConvTranspose" if step.layer.type == "Deconvolution" else "Conv"
    writer.add(operator, [step.inputs[0], *writer.add_weights(step)], step.output, **_window_attributes(step))


def _add_pooling(writer: Writer, step: Step) -> None:
    param = step.layer.pooling_param
    kind = "MaxPool" if param.pool == param.MAX else "AveragePool"
    if param.global_pooling:
        writer.add(f"Global{kind}", step.inputs, step.output)
    else:
        included = {} if kind == "MaxPool" else {"count_include_pad": 1}
        outputs = [step.output, f"{step.output}.1"][: len(step.layer.top)]  # .1: indices, for MaxUnpool only
        attributes = {"ceil_mode": int(rounds_up(param)), **_window_attributes(step), **included}
        writer.add(kind, step.inputs, *outputs, **attributes)


def _add_relu(writer: Writer, step: Step) -> None:
    slope = step.layer.relu_param.negative_slope
    if slope:
        writer.add("LeakyRelu", step.inputs, step.output, alpha=slope)
    else:
        writer.add("Relu", step.inputs, step.output)


def _add_crop(writer: Writer, step: Step) -> None:
    """Slice to the second bottom's height and width, which are known only at run time."""
    value, like = step.inputs
    offsets = (list(step.layer.crop_param.offset) or [0]) * 2
    start = writer.add_constant(f"{step.name}.start", np.array(offsets[:2], np.int64))
    size = writer.add("Shape", [like], f"{step.name}.size", start=2, end=4)
    end = writer.add("Add", [start, size], f"{step.name}.end")
    axes = writer.add_constant(f"{step.name}.axes", np.array([2, 3], np.int64))
    writer.add("Slice", [value, start, end, axes], step.output)


def _add_eltwise(writer: Writer, step: Step) -> None:
    param = step.layer.eltwise_param
    inputs = list(step.inputs)
    for i, coefficient in enumerate(param.coeff):
        if coefficient != 1:
            factor = writer.add_constant(f"{step.name}.coeff{i}", np.array(coefficient, np.float32))
            inputs[i] = writer.add("Mul", [inputs[i], factor], f"{step.name}.term{i}")
    if param.operation == param.PROD and len(inputs) != 2:
        raise ValueError(f"layer {step.layer.name} multiplies {len(inputs)} bottoms; expected 2")
    writer.add({param.SUM: "Sum", param.MAX: "Max", param.PROD: "Mul"}[param.operation], inputs, step.output)


def _add_scale(writer: Writer, step: Step) -> None:
    """Multiply channels by factors, and add terms if there are any."""
    if len(step.inputs) > 1 or step.layer.scale_param.axis != 1 or step.layer.scale_param.num_axes != 1:
        raise ValueError(f"layer {step.layer.name} scales other axes than channels; expected axis 1 and num_axes 1")
    factor, *term = step.weights
    factor_name = writer.add_constant(f"{step.name}.0", factor.reshape(-1, 1, 1))
    product = writer.add("Mul", [step.inputs[0], factor_name], f"{step.name}.scaled" if term else step.output)
    if term:
        writer.add("Add", [product, writer.add_constant(f"{step.name}.1", term[0].reshape(-1, 1, 1))], step.output)


def _add_lrn(writer: Writer, step: Step) -> None:
    param = step.layer.lrn_param
    if param.norm_region != param.ACROSS_CHANNELS:
        raise ValueError(f"layer {step.layer.name} normalises within channels; expected across them")
    rest = {"size": param.local_size, "alpha": param.alpha, "beta": param.beta, "bias": param.k}
    writer.add("LRN", step.inputs, step.output, **rest)


def _add_inner_product(writer: Writer, step: Step) -> None:
    flat = writer.add("Flatten", step.inputs, f"{step.name}.flat", axis=step.layer.inner_product_param.axis)
    transposed = int(not step.layer.inner_product_param.transpose)
    writer.add("Gemm", [flat, *writer.add_weights(step)], step.output, transB=transposed)


WRITERS: Mapping[str, Callable[[Writer, Step], None]] = {
    "Convolution": _add_convolution,
    "Deconvolution": _add_convolution,
    "Pooling": _add_pooling,
    "ReLU": _add_relu,
    "Crop": _add_crop,
    "Eltwise": _add_eltwise,
    "Scale": _add_scale,
    "LRN": _add_lrn,
    "InnerProduct": _add_inner_product,
    **FORK_WRITERS,
    "Concat": lambda writer, step: _add_along_axis(writer, step, "Concat", step.layer.concat_param.axis),
    "Softmax": lambda writer, step: _add_along_axis(writer, step, "Softmax", step.layer.softmax_param.axis),
}


def _add_along_axis(writer: Writer, step: Step, operator: str, axis: int) -> None:
    writer.add(operator, step.inputs, step.output, axis=axis)
