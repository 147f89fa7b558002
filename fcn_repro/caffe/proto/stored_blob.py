"""Blobs as Caffe's files hold them.

Source   caffe 9b89154 blob.cpp (ShapeEquals, FromProto, ToProto)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto.wire import BYTES, VARINT, Field, Reader, key, tagged, varint

if TYPE_CHECKING:
    from fcn_repro.caffe.blob import Blob

Shape = tuple[int, ...]

MAX_AXES = 32
_STEP = 2**22  # floats: 16 MB


@dataclass
class StoredBlob:
    """Flat values, and a shape that may be in the old four-axis form; `where` it comes from, for errors."""

    shape: Shape
    legacy: bool  # (num, channels, height, width), as files before 2014 write it
    data: np.ndarray
    diff: np.ndarray | None = None
    where: str = "a blob"
    forget: Callable[[], None] | None = None  # lets go of memory that only mirrors a file

    def fits(self, dims: Sequence[int]) -> bool:
        """Caffe's ShapeEquals: the same dims, or, in the old form, the same after padding with ones on the left."""
        if self.legacy:
            return len(dims) <= 4 and self.shape == (1,) * (4 - len(dims)) + tuple(dims)
        return self.shape == tuple(dims)

    def require_whole(self) -> None:
        """Raises CaffeError where there are more or fewer values than the shape says."""
        for values in (self.data, self.diff):
            if values is not None and values.size != math.prod(self.shape):
                raise CaffeError(
                    f"{self.where}: {values.size} values for the shape {list(self.shape)}; the file is damaged"
                )

    def copy_to(self, blob: Blob) -> None:
        """Give the blob, which has as many elements, these values, and the diff if there is one."""
        self._copy(self.data, blob.data)
        if self.diff is not None:
            self._copy(self.diff, blob.diff)

    def _copy(self, values: np.ndarray, target: np.ndarray) -> None:
        """In steps, each forgotten at once: a model of 540 MB is then in memory once, not twice."""
        flat = target.reshape(-1)
        for start in range(0, values.size, _STEP):
            flat[start : start + _STEP] = values[start : start + _STEP]
            if self.forget is not None:
                self.forget()


def from_proto(proto, where: str = "a blob") -> StoredBlob:
    """A BlobProto message as a StoredBlob; `where` names it in errors."""
    legacy = any(proto.HasField(name) for name in ("num", "channels", "height", "width"))
    shape = (proto.num, proto.channels, proto.height, proto.width) if legacy else tuple(proto.shape.dim)
    data = _single(np.array(proto.double_data or proto.data))
    diff = _single(np.array(proto.double_diff or proto.diff))
    return StoredBlob(shape, legacy, data, diff if diff.size else None, where)


def read_blob_file(path: str | Path) -> StoredBlob:
    """The blob in a file of its own, a BlobProto, as mean images and the weights of InfogainLoss are.

    Raises   CaffeError naming the file
    """
    reader = Reader(path, ".binaryproto")
    blob = _blob(reader, reader.message(), str(path))
    blob.require_whole()
    return blob


def read_blob(reader: Reader, message: Field, where: str) -> StoredBlob:
    """The BlobProto that is the value of a field; `where` names it in errors."""
    return _blob(reader, reader.inside(message), where)


def _blob(reader: Reader, parts: Iterable[Field], where: str) -> StoredBlob:
    legacy: dict[int, int] = {}
    dims: list[int] = []
    values: dict[int, list[np.ndarray]] = {number: [] for number in _NUMBERS}
    for part in parts:
        if part.number in (1, 2, 3, 4) and part.wire == VARINT:
            legacy[part.number] = part.value
        elif part.number == 7 and part.wire == BYTES:
            dims += _dims(reader, part, where)
        elif part.number in _NUMBERS:
            values[part.number].append(reader.floats(part, _NUMBERS[part.number], where))
    shape = tuple(legacy.get(axis, 0) for axis in (1, 2, 3, 4)) if legacy else tuple(dims)
    data, diff, double_data, double_diff = (_joined(values[number]) for number in _NUMBERS)
    data = double_data if double_data.size else data
    diff = double_diff if double_diff.size else diff
    return StoredBlob(shape, bool(legacy), data, diff if diff.size else None, where, reader.forget)


def blob_pieces(blob: StoredBlob) -> list[bytes | memoryview]:
    """A serialised BlobProto in pieces, the numbers as views of the arrays."""
    pieces: list[bytes | memoryview] = []
    for number, values in ((5, blob.data), (6, blob.diff)):
        if values is not None and values.size:
            raw = np.ascontiguousarray(values, dtype="<f4").data.cast("B")
            pieces += [key(number, BYTES), varint(len(raw)), raw]
    dims = b"".join(varint(dim) for dim in blob.shape)
    return [*pieces, tagged(7, tagged(1, dims) if dims else b"")]


_NUMBERS = {5: 4, 6: 4, 8: 8, 9: 8}  # data, diff, double_data, double_diff: field number -> bytes of a value


def _dims(reader: Reader, message: Field, where: str) -> list[int]:
    dims: list[int] = []
    for part in reader.inside(message):
        for dim in reader.integers(part) if part.number == 1 else ():
            dims.append(dim)
            if len(dims) > MAX_AXES:
                raise CaffeError(f"{where}: a shape of more than {MAX_AXES} axes; the file is damaged")
    return dims


def _joined(chunks: list[np.ndarray]) -> np.ndarray:
    if not chunks:
        return np.zeros(0, np.float32)
    return _single(chunks[0] if len(chunks) == 1 else np.concatenate(chunks))


def _single(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # a double beyond float32 is infinite there, as in C++
        return values.astype(np.float32, copy=False)
