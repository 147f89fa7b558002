"""Read safetensors: a length, a JSON header of names, types, shapes and offsets, and raw arrays.

Source   the format's description, https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from fcn_repro.model.exchange.weight_files.weight_file import UnreadableFile, WeightFile

HEADER_BYTES = 100_000_000  # the format's own limit
TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2"}
TYPES.update(I8="<i1", U8="<u1", BOOL="<u1")


def read(path: Path) -> WeightFile:
    """Read all arrays; bfloat16 becomes float32.

    Raises   UnreadableFile for an invalid header, and for arrays outside of the file
    """
    with open(str(path), "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > HEADER_BYTES:
            raise UnreadableFile(f"got a header of {length} bytes, expected at most {HEADER_BYTES}")
        header = json.loads(file.read(length).decode("utf-8"))
        content = file.read()
    if not isinstance(header, dict):
        raise UnreadableFile("got a header that is no JSON object")
    header.pop("__metadata__", None)
    return WeightFile("safetensors", {name: _find_array(name, entry, content) for name, entry in header.items()})


def _find_array(name: str, entry: Any, content: bytes) -> np.ndarray:
    is_entry = isinstance(entry, dict) and {"dtype", "shape", "data_offsets"} <= set(entry)
    numbers = [*entry["shape"], *entry["data_offsets"]] if is_entry else [None]
    if not all(isinstance(number, int) and number >= 0 for number in numbers) or len(entry["data_offsets"]) != 2:
        raise UnreadableFile(f"{name}: got {str(entry)[:60]}, expected dtype, shape and data_offsets")
    if entry["dtype"] not in TYPES:
        raise UnreadableFile(f"{name}: got dtype {entry['dtype']}, expected one of {', '.join(TYPES)}")
    dtype, (start, end) = np.dtype(TYPES[entry["dtype"]]), entry["data_offsets"]
    if end > len(content) or end - start != math.prod(entry["shape"]) * dtype.itemsize:
        raise UnreadableFile(f"{name}: got bytes {start} to {end} of {len(content)} for the shape {entry['shape']}")
    array = np.frombuffer(content, dtype, math.prod(entry["shape"]), start).reshape(entry["shape"])
    return widen_bfloat16(array) if entry["dtype"] == "BF16" else array


def widen_bfloat16(array: np.ndarray) -> np.ndarray:
    """Return the float32 of the bits of bfloat16: its upper half."""
    return (array.astype(np.uint32) << 16).view(np.float32)
