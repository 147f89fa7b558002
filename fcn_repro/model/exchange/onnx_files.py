"""Write nets as ONNX files for images of any size, and run them."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from fcn_repro.errors import DataError
from fcn_repro.model.deploy_metadata import DeployMetadata
from fcn_repro.model.exchange.graph import Graph, Step, to_identifier
from fcn_repro.model.exchange.onnx_arithmetic_layers import ARITHMETIC_WRITERS
from fcn_repro.model.exchange.onnx_fork_layers import FORK_WRITERS
from fcn_repro.model.exchange.onnx_shape_layers import SHAPE_WRITERS
from fcn_repro.model.exchange.onnx_window_layers import WINDOW_WRITERS
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
        self.initializers.append(self.onnx.numpy_helper.from_array(np.array(array, order="C"), name))
        return name

    def add_number(self, step: Step, name: str, value: float) -> str:
        """Add a float constant of a layer and return its name."""
        return self.add_constant(f"{step.name}.{name}", np.array(value, np.float32))

    def add_integers(self, step: Step, name: str, values: Sequence[int]) -> str:
        """Add a list of integers of a layer and return its name."""
        return self.add_constant(f"{step.name}.{name}", np.array(values, np.int64))

    def add_weights(self, step: Step) -> list[str]:
        """Add a layer's weights and return their names."""
        return [self.add_constant(f"{step.name}.{i}", array) for i, array in enumerate(step.weights)]


def write(path: Path, net: Graph, metadata: DeployMetadata | None) -> None:
    """Write a net as one ONNX file, with its preprocessing and class names, if known, as metadata.

    Raises   DataError if the package onnx is missing; ValueError naming all layers without an equivalent in ONNX
    """
    writer = Writer()
    _add_steps(writer, net.steps)
    for blob, value in net.outputs.items():
        if blob != value:
            writer.add("Identity", [value], blob)
    helper, is_fixed = writer.onnx.helper, net.has_fixed_size
    inputs = [_make_input(writer.onnx, to_identifier(name), dims, is_fixed) for name, dims in net.inputs.items()]
    outputs = [helper.make_tensor_value_info(name, writer.onnx.TensorProto.FLOAT, None) for name in net.outputs]
    graph = helper.make_graph(writer.nodes, path.stem, inputs, outputs, writer.initializers)
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, producer_name="fcn-repro", opset_imports=opset, ir_version=IR_VERSION)
    facts: Mapping[str, Any] = {}
    if metadata:
        facts = {"input": "B G R, 0-255, minus mean_bgr", "mean_bgr": metadata.mean_bgr, "classes": metadata.classes}
    helper.set_model_props(model, {name: json.dumps(value) for name, value in facts.items()})
    model = writer.onnx.shape_inference.infer_shapes(model)
    for output, rank in zip(model.graph.output, net.output_ranks):
        if not output.type.tensor_type.HasField("shape"):  # after MaxUnpool, whose size is known at run time only
            output.type.tensor_type.shape.dim.extend([writer.onnx.TensorShapeProto.Dimension()] * rank)
            output.type.tensor_type.shape.SetInParent()
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


def _make_input(onnx: ModuleType, name: str, dims: Sequence[int], is_fixed: bool) -> Any:
    """Make an input of any batch and, unless `is_fixed`, any height and width."""
    shape = [AXES[0], *dims[1:]] if is_fixed else [AXES[0], dims[1], *AXES[2:]]
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape[: len(dims)])


WRITERS: Mapping[str, Callable[[Writer, Step], None]] = {
    **WINDOW_WRITERS,
    **ARITHMETIC_WRITERS,
    **SHAPE_WRITERS,
    **FORK_WRITERS,
}


def _add_steps(writer: Writer, steps: Sequence[Step]) -> None:
    """Add all layers' nodes.

    Raises   ValueError naming all layers without an equivalent, a line for each
    """
    faults = []
    for step in steps:
        try:
            if step.layer.type not in WRITERS:
                raise ValueError(f"layer {step.layer.name}: got type {step.layer.type}, expected one with ONNX")
            WRITERS[step.layer.type](writer, step)
        except ValueError as error:
            faults.append(str(error))
    if any("expected one with ONNX" in fault for fault in faults):
        faults.append(f"The types with ONNX: {', '.join(sorted(WRITERS))}")
    if faults:
        raise ValueError("\n".join(faults))
