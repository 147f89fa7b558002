"""Blobs in Caffe's files.

Source   caffe 9b89154 blob.cpp (ShapeEquals, FromProto, ToProto); NVCaffe 0.16 and OpenCV's caffe.proto (raw_data)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto.wire import BYTES, VARINT, Field, Reader, encode_field, encode_message, encode_varint

if TYPE_CHECKING:
    from fcn_repro.caffe.blob import Blob

Shape = tuple[int, ...]

MAX_AXES = 32
_COPY_STEP = 2**22  # floats: 16 MiB
_VALUE_FIELDS = {5: 4, 6: 4, 8: 8, 9: 8}  # data, diff, double_data, double_diff: field number -> bytes of a value
_RAW_FIELDS = {12: 10, 13: 11}  # NVCaffe's raw_data and raw_diff -> the field of their type
_RAW_TYPES = {0: "<f8", 1: "<f4", 2: "<f2"}  # NVCaffe's Type: DOUBLE, FLOAT, FLOAT16


@dataclass
class StoredBlob:
    """Flat values and a shape, which may have the legacy form of four axes; `where` names the blob in errors."""

    shape: Shape
    legacy: bool  # (num, channels, height, width), as in files before 2014
    data: np.ndarray
    diff: np.ndarray | None = None
    where: str = "a blob"
    release_pages: Callable[[], None] | None = None  # frees the mapped file's pages that were read

    def fits(self, dims: Sequence[int]) -> bool:
        """Whether the shape equals `dims`; a legacy shape may have ones on its left (Caffe's ShapeEquals)."""
        if self.legacy:
            return len(dims) <= 4 and self.shape == (1,) * (4 - len(dims)) + tuple(dims)
        return self.shape == tuple(dims)

    def check_count(self) -> None:
        """Raise CaffeError if the number of values differs from the shape's."""
        for values in (self.data, self.diff):
            if values is not None and values.size != math.prod(self.shape):
                raise CaffeError(
                    f"{self.where}: {values.size} values for the shape {list(self.shape)}; the file is damaged"
                )

    def copy_to(self, blob: Blob) -> None:
        """Copy the values, and the diff if there is one, to a blob of the same count."""
        self._copy(self.data, blob.data)
        if self.diff is not None:
            self._copy(self.diff, blob.diff)

    def _copy(self, values: np.ndarray, target: np.ndarray) -> None:
        """Copy in steps and release the file's pages after each, so memory holds the values once."""
        flat = target.reshape(-1)
        for start in range(0, values.size, _COPY_STEP):
            flat[start : start + _COPY_STEP] = values[start : start + _COPY_STEP]
            if self.release_pages is not None:
                self.release_pages()


def from_proto(proto, where: str = "a blob") -> StoredBlob:
    """Convert a BlobProto message; `where` names it in errors."""
    legacy = any(proto.HasField(name) for name in ("num", "channels", "height", "width"))
    shape = (proto.num, proto.channels, proto.height, proto.width) if legacy else tuple(proto.shape.dim)
    data = _to_float32(np.array(proto.double_data or proto.data))
    diff = _to_float32(np.array(proto.double_diff or proto.diff))
    return StoredBlob(shape, legacy, data, diff if diff.size else None, where)


def read_blob_file(path: str | Path) -> StoredBlob:
    """Read a file with one BlobProto: a mean image or the weights of InfogainLoss.

    Raises   CaffeError naming the file.
    """
    reader = Reader(path, ".binaryproto")
    blob = _read_fields(reader, reader.message(), str(path))
    blob.check_count()
    return blob


def read_blob(reader: Reader, message: Field, where: str) -> StoredBlob:
    """Read the BlobProto in a field; `where` names it in errors."""
    return _read_fields(reader, reader.inside(message), where)


def _read_fields(reader: Reader, parts: Iterable[Field], where: str) -> StoredBlob:
    legacy: dict[int, int] = {}
    dims: list[int] = []
    raw: dict[int, Field] = {}
    raw_types: dict[int, int] = {}
    values: dict[int, list[np.ndarray]] = {number: [] for number in _VALUE_FIELDS}
    for part in parts:
        if part.number in (1, 2, 3, 4) and part.wire == VARINT:
            legacy[part.number] = part.value
        elif part.number == 7 and part.wire == BYTES:
            dims += _read_dims(reader, part, where)
        elif part.number in _VALUE_FIELDS:
            values[part.number].append(reader.floats(part, _VALUE_FIELDS[part.number], where))
        elif part.number in _RAW_FIELDS and part.wire == BYTES:
            raw[part.number] = part
        elif part.number in _RAW_FIELDS.values() and part.wire == VARINT:
            raw_types[part.number] = part.value
    shape = tuple(legacy.get(axis, 0) for axis in (1, 2, 3, 4)) if legacy else tuple(dims)
    data, diff, double_data, double_diff = (_join(values[number]) for number in _VALUE_FIELDS)
    data = double_data if double_data.size else data
    diff = double_diff if double_diff.size else diff
    if 12 in raw:
        data = _read_raw(reader, raw[12], raw_types.get(10), math.prod(shape), where)
    if 13 in raw:
        diff = _read_raw(reader, raw[13], raw_types.get(11), math.prod(shape), where)
    return StoredBlob(shape, bool(legacy), data, diff if diff.size else None, where, reader.release_pages)


def _read_raw(reader: Reader, part: Field, type_: int | None, count: int, where: str) -> np.ndarray:
    """Read raw_data, by its type, or without one by the number of values that it must have."""
    size = part.end - part.start
    dtype = f"<f{size // count}" if type_ is None and size in (2 * count, 4 * count, 8 * count) and count else ""
    dtype = _RAW_TYPES.get(-1 if type_ is None else type_, dtype)
    if not dtype or size % np.dtype(dtype).itemsize:
        raise CaffeError(
            f"{where}: got raw_data of {size} bytes and type {type_}, expected NVCaffe's DOUBLE (0), FLOAT (1) or "
            f"FLOAT16 (2) for {count} values. Fix: save the weights with BVLC's Caffe or as float"
        )
    return _to_float32(np.frombuffer(reader.payload(part), dtype))


def encode_blob(blob: StoredBlob) -> list[bytes | memoryview]:
    """Serialise a BlobProto in pieces; values are views of the arrays."""
    pieces: list[bytes | memoryview] = []
    for number, values in ((5, blob.data), (6, blob.diff)):
        if values is not None and values.size:
            pieces += encode_message(number, [np.ascontiguousarray(values, dtype="<f4").data.cast("B")])
    dims = b"".join(encode_varint(dim) for dim in blob.shape)
    return [*pieces, encode_field(7, encode_field(1, dims) if dims else b"")]


def _read_dims(reader: Reader, message: Field, where: str) -> list[int]:
    dims: list[int] = []
    for part in reader.inside(message):
        for dim in reader.integers(part) if part.number == 1 else ():
            dims.append(dim)
            if len(dims) > MAX_AXES:
                raise CaffeError(f"{where}: a shape of more than {MAX_AXES} axes; the file is damaged")
    return dims


def _join(chunks: list[np.ndarray]) -> np.ndarray:
    if not chunks:
        return np.zeros(0, np.float32)
    return _to_float32(chunks[0] if len(chunks) == 1 else np.concatenate(chunks))


def _to_float32(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # a double beyond float32 becomes infinite, as in C++
        return values.astype(np.float32, copy=False)
