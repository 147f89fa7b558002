"""Read NumPy's archives. Arrays of objects are pickles, and refused."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from fcn_repro.model.exchange.weight_files.weight_file import UnreadableFile, WeightFile, check_total


def read(path: Path) -> WeightFile:
    """Read all arrays.

    Raises   UnreadableFile for an array of objects, or of another size than its header declares
    """
    arrays = {}
    with zipfile.ZipFile(str(path)) as archive:
        members = archive.infolist()
        check_total(sum(member.file_size for member in members))
        for member in members:
            with archive.open(member) as file:
                arrays[member.filename[: -len(".npy")]] = _read_array(member, file)
    return WeightFile("NumPy .npz", arrays)


def _read_array(member: zipfile.ZipInfo, file: Any) -> np.ndarray:
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise UnreadableFile(f"{member.filename}: got version {version} of .npy, expected 1.0 or 2.0")
    read_header = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}[version[0]]
    shape, is_fortran, dtype = read_header(file)
    if dtype.hasobject:
        raise UnreadableFile(f"{member.filename}: got Python objects, whose pickle may run code; expected numbers")
    size = math.prod(shape) * dtype.itemsize
    content = file.read()
    if len(content) != size:
        raise UnreadableFile(f"{member.filename}: got {len(content)} bytes, expected {size} for the shape {shape}")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C")
