"""Read the weights of MatConvNet's two kinds of nets from MATLAB 5 files.

SimpleNN   `layers`, a cell of structs with `name`, `type` and `weights` {filters, biases}; before its beta 9 `filters`
           and `biases`
DagNN      `params`, structs with `name`, LAYER_filter and LAYER_bias or LAYERf and LAYERb, and `value`

Source   vlfeat/matconvnet, utils/import-caffe.py and utils/layers.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import numpy as np

from fcn_repro.datasets import mat_file
from fcn_repro.model.exchange.weight_files.weight_file import UnreadableFile, WeightFile

LIMIT_BYTES = 1 << 30  # of the file, and of each variable
ENDINGS = {"_filter": "filters", "_bias": "biases", "f": "filters", "b": "biases"}


def read(path: Path) -> WeightFile:
    """Read LAYER/filters (H, W, I, O) and LAYER/biases (any shape of O numbers).

    Raises   UnreadableFile for a file without such a net; ValueError as `mat_file.load`
    """
    options = {"struct_as_record": False, "squeeze_me": False}
    found = mat_file.load(path, "layers", "params", limit=LIMIT_BYTES, **options)
    if isinstance(found.get("params"), np.ndarray):
        arrays = dict(_read_params(found["params"]))
    elif isinstance(found.get("layers"), np.ndarray):
        arrays = dict(_read_layers(found["layers"]))
    else:
        raise UnreadableFile("got a MATLAB file without layers or params, expected a net of MatConvNet")
    for name, array in arrays.items():
        if array.dtype.kind not in "fiu":
            raise UnreadableFile(f"{name}: got {array.dtype}, expected numbers")
    return WeightFile("MATLAB 5", arrays)


def _read_layers(layers: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    for cell in layers.ravel():
        layer = cell.ravel()[0] if isinstance(cell, np.ndarray) and cell.size else cell
        weights = getattr(layer, "weights", None)
        if isinstance(weights, np.ndarray) and weights.dtype == object:
            pair = list(weights.ravel())
        else:
            pair = [getattr(layer, kind) for kind in ("filters", "biases") if hasattr(layer, kind)]
        for kind, array in zip(("filters", "biases"), pair):
            yield f"{_read_text(layer.name)}/{kind}", np.asarray(array)


def _read_params(params: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    for param in params.ravel():
        name = _read_text(getattr(param, "name", ""))
        ending = next((ending for ending in ENDINGS if name.endswith(ending) and len(name) > len(ending)), None)
        if ending is None or not hasattr(param, "value"):
            raise UnreadableFile(f"got a parameter {name!r}, expected LAYER_filter, LAYER_bias, LAYERf or LAYERb")
        yield f"{name[: -len(ending)]}/{ENDINGS[ending]}", np.asarray(param.value)


def _read_text(value: Any) -> str:
    found = np.ravel(value)
    if not found.size or not isinstance(found[0], str):
        raise UnreadableFile(f"got the name {str(value)[:40]!r}, expected text")
    return str(found[0])
