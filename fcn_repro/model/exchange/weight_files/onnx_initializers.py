"""Read the constants of an ONNX graph. Arrays in other files are refused: no file but the given one is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fcn_repro.errors import DataError
from fcn_repro.model.exchange.onnx_files import import_package
from fcn_repro.model.exchange.weight_files.weight_file import UnreadableFile, WeightFile

WEIGHTED = ("Conv", "ConvTranspose", "Gemm")


def read(path: Path) -> WeightFile:
    """Read the weights and biases of convolutions and fully connected layers: the latter as (O, I).

    Raises   DataError if the package onnx is missing; UnreadableFile for a damaged file, arrays in other files, and
             batch normalisation
    """
    onnx = import_package("onnx")
    try:
        model = onnx.load(str(path), load_external_data=False)
        external = [t for t in model.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
        if external:
            places = sorted(
                {entry.value for tensor in external for entry in tensor.external_data if entry.key == "location"}
            )
            raise UnreadableFile(
                f"keeps {len(external)} arrays in other files ({', '.join(places)[:80]}), which are not opened. "
                "Fix: save it as one file, onnx.save(onnx.load(FILE), OTHER)"
            )
        constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    except UnreadableFile:
        raise
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001  of protobuf, onnx or numpy
        raise UnreadableFile(
            f"{type(error).__name__}: {error}; expected an ONNX file that contains its weights"
        ) from error
    arrays: dict[str, np.ndarray] = {}
    for node in model.graph.node:
        if node.op_type == "BatchNormalization":
            raise UnreadableFile(f"node {node.name} is batch normalisation, which the paper's nets lack")
        if node.op_type in WEIGHTED and set(node.input[1:]) <= set(constants):
            arrays.update(_read_layer(node, constants))
    return WeightFile("ONNX", arrays, [node.op_type for node in model.graph.node])


def _read_layer(node: Any, constants: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    names = list(node.input[1:])
    weights = constants[names[0]]
    is_transposed = any(each.name == "transB" and each.i for each in node.attribute)
    weights = weights.T if node.op_type == "Gemm" and not is_transposed else weights
    biases = {name: constants[name].reshape(-1) for name in names[1:]}
    return {names[0]: weights, **(biases or {f"{names[0]} without bias": np.zeros(len(weights), np.float32)})}
