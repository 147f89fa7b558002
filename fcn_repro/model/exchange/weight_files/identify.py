"""Recognise a file's container by its first bytes, whatever its name says, and read it."""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Callable, Mapping

from fcn_repro.errors import DataError
from fcn_repro.model.exchange.weight_files import (
    keras_h5,
    matconvnet_mat,
    npz_file,
    onnx_initializers,
    safetensors_file,
    torch_pickle,
)
from fcn_repro.model.exchange.weight_files.weight_file import LIMIT_BYTES, UnreadableFile, WeightFile

HEAD_BYTES = 128
DAMAGED = (
    *(OSError, ValueError, LookupError, TypeError, struct.error, zlib.error, zipfile.BadZipFile),
    *(EOFError, MemoryError, OverflowError, NotImplementedError, RuntimeError),
)

READERS: Mapping[str, Callable[[Path], WeightFile]] = {
    "PyTorch (zip)": torch_pickle.read_zip,
    "PyTorch (legacy)": torch_pickle.read_legacy,
    "NumPy .npz": npz_file.read,
    "Keras HDF5": keras_h5.read,
    "MATLAB 5": matconvnet_mat.read,
    "safetensors": safetensors_file.read,
    "ONNX": onnx_initializers.read,
}


def read_file(path: Path) -> WeightFile:
    """Read a file of weights.

    Raises   DataError naming the file and the reason
    """
    try:
        container = identify(path)
        return READERS[container](path)
    except DAMAGED as error:
        text = (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
        reason = text.splitlines()[0].replace(f"{path}: ", "")
        raise DataError(f"{path}: {reason}. Expected weights as {', '.join(READERS)}") from error


def identify(path: Path) -> str:
    """Return the name of a file's container, a key of READERS.

    Raises   UnreadableFile for none of them; OSError for a missing file
    """
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise UnreadableFile("got a folder, a device or a pipe, expected a regular file")
    if facts.st_size > LIMIT_BYTES:
        raise UnreadableFile(f"got {facts.st_size} bytes, expected at most {LIMIT_BYTES}")
    with open(str(path), "rb") as file:
        head = file.read(HEAD_BYTES)
    if head[:4] == b"PK\3\4":
        with zipfile.ZipFile(str(path)) as archive:
            names = archive.namelist()
        return "NumPy .npz" if all(name.endswith(".npy") for name in names) else "PyTorch (zip)"
    if head[:1] == b"\x80":
        return "PyTorch (legacy)"
    if head[:8] == b"\x89HDF\r\n\x1a\n":
        return "Keras HDF5"
    if head[:7] == b"MATLAB " and head[124:128] in (b"\0\1IM", b"\1\0MI"):
        return "MATLAB 5"
    if head[:7] == b"MATLAB ":
        raise UnreadableFile("got a MATLAB 7.3 file, expected MATLAB 5. Fix, in MATLAB: save(file, '-v7', ...)")
    if len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < facts.st_size:
        return "safetensors"
    if re.match(rb"\s*<(!doctype\s+)?html\b", head, re.I):
        raise UnreadableFile("got a web page, such as a login or an error of a download")
    if path.suffix == ".onnx" or head[:1] == b"\x08" and head[1:2] < b"\x20":  # ONNX: field 1, its version
        return "ONNX"
    raise UnreadableFile("got an unknown format")
