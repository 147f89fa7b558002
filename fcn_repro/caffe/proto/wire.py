"""protobuf's wire format, as far as packed floats need it: Caffe's files are hundreds of megabytes of them.

Packed floats are plain little-endian bytes on the wire, so walking the few tags around them lets numpy look straight
into the mapped file.

Source   protobuf's wire format; caffe 9b89154 blob.cpp (ShapeEquals, FromProto, ToProto)
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fcn_repro.caffe.errors import CaffeError

Shape = tuple[int, ...]

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_FIXED_SIZE = {FIXED64: 8, FIXED32: 4}


@dataclass
class StoredBlob:
    """A blob as a file holds it: flat values, and a shape that may be in the old four-axis form."""

    shape: Shape
    legacy: bool  # (num, channels, height, width), as files before 2014 write it
    data: np.ndarray
    diff: np.ndarray | None = None

    def fits(self, dims: Sequence[int]) -> bool:
        """Caffe's ShapeEquals: the same dims, or, in the old form, the same after padding with ones on the left."""
        if self.legacy:
            return len(dims) <= 4 and self.shape == (1,) * (4 - len(dims)) + tuple(dims)
        return self.shape == tuple(dims)


def from_proto(proto, where: str = "blob") -> StoredBlob:
    """A BlobProto message as a StoredBlob; `where` names it in errors."""
    legacy = any(proto.HasField(name) for name in ("num", "channels", "height", "width"))
    shape = (proto.num, proto.channels, proto.height, proto.width) if legacy else tuple(proto.shape.dim)
    data = np.array(proto.double_data if proto.double_data else proto.data, dtype=np.float32)
    diff = np.array(proto.double_diff if proto.double_diff else proto.diff, dtype=np.float32)
    return _stored(shape, legacy, data, diff, where)


def blob_pieces(blob: StoredBlob) -> list[bytes | memoryview]:
    """A serialised BlobProto in pieces, the numbers as views of the arrays."""
    pieces: list[bytes | memoryview] = []
    for number, values in ((5, blob.data), (6, blob.diff)):
        if values is not None and values.size:
            raw = memoryview(np.ascontiguousarray(values, dtype="<f4")).cast("B")
            pieces += [key(number, BYTES), varint(len(raw)), raw]
    dims = b"".join(varint(dim) for dim in blob.shape)
    return [*pieces, tagged(7, tagged(1, dims) if dims else b"")]


@dataclass
class Field:
    """Where the value of one field lies in the file."""

    number: int
    wire: int
    start: int  # of the value; for a varint, the value itself is in `value`
    end: int
    value: int = 0


class Reader:
    """Walks one mapped file; every position is checked against the message that contains it."""

    def __init__(self, path: str | Path) -> None:
        """Map the file.

        Raises   RuntimeError("Could not open file ...") as pycaffe does; CaffeError for an empty file.
        """
        self.path = str(path)
        try:
            with open(path, "rb") as file:
                self._buffer = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except ValueError as error:  # an empty file cannot be mapped
            raise CaffeError(f"{path}: the file is empty; fetch or train it again") from error
        except OSError as error:
            raise CaffeError(f"Could not open file {path}") from error

    def message(self) -> Iterator[Field]:
        """The fields of the whole file."""
        return self.fields(0, len(self._buffer))

    def inside(self, part: Field) -> Iterator[Field]:
        """The fields of a message that is the value of a field."""
        return self.fields(part.start, part.end)

    def text(self, part: Field) -> str:
        """The value of a string field."""
        return bytes(self._buffer[part.start : part.end]).decode("utf-8", "replace")

    def blob(self, message: Field, where: str) -> StoredBlob:
        """The BlobProto that is the value of a field; `where` names it in errors."""
        legacy: dict[int, int] = {}
        dims: list[int] = []
        values: dict[int, list[np.ndarray]] = {5: [], 6: [], 8: [], 9: []}
        position = message.start
        while position < message.end:
            part = self._field(position, message.end)
            position = part.end
            if part.number in (1, 2, 3, 4) and part.wire == VARINT:
                legacy[part.number] = part.value
            elif part.number == 7 and part.wire == BYTES:
                dims += self._dims(part)
            elif part.number in values:
                chunk, position = self._numbers(part, message.end, where)
                values[part.number].append(chunk)
        shape = tuple(legacy.get(axis, 0) for axis in (1, 2, 3, 4)) if legacy else tuple(dims)
        data = _joined(values[8] or values[5])
        diff = _joined(values[9] or values[6])
        return _stored(shape, bool(legacy), data, diff, where)

    def _dims(self, message: Field) -> Iterator[int]:
        for part in self.fields(message.start, message.end):
            if part.number == 1 and part.wire == VARINT:
                yield part.value
            elif part.number == 1 and part.wire == BYTES:
                position = part.start
                while position < part.end:
                    value, position = self._read_varint(position, part.end)
                    yield value

    def _numbers(self, part: Field, limit: int, where: str) -> tuple[np.ndarray, int]:
        """The floats of a packed field, or of a whole run of unpacked ones; and where the next field begins."""
        kind = "<f4" if part.number in (5, 6) else "<f8"
        size = int(kind[-1])
        if part.wire == BYTES:
            length = part.end - part.start
            if length % size:
                raise CaffeError(
                    f"{where}: {length} bytes are no whole number of {size}-byte floats; the file is damaged"
                )
            return np.frombuffer(self._buffer, kind, length // size, part.start), part.end
        if _FIXED_SIZE.get(part.wire) != size:
            raise CaffeError(f"{where}: numbers of wire type {part.wire} where floats belong; the file is damaged")
        tag = part.start - 1  # field numbers below 16 have one-byte tags
        step = size + 1
        rows = np.frombuffer(self._buffer, np.uint8, (limit - tag) // step * step, tag).reshape(-1, step)
        others = np.flatnonzero(rows[:, 0] != rows[0, 0])
        run = int(others[0]) if others.size else len(rows)
        return np.ascontiguousarray(rows[:run, 1:]).view(kind).reshape(-1), tag + run * step

    def fields(self, start: int, end: int) -> Iterator[Field]:
        """The fields from byte `start` to byte `end`."""
        while start < end:
            part = self._field(start, end)
            yield part
            start = part.end

    def _field(self, start: int, limit: int) -> Field:
        key, position = self._read_varint(start, limit)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, end = self._read_varint(position, limit)
            return Field(number, wire, position, end, value)
        if wire == BYTES:
            length, position = self._read_varint(position, limit)
        elif wire in _FIXED_SIZE:
            length = _FIXED_SIZE[wire]
        else:
            raise CaffeError(f"{self.path}: byte {start} begins no field of a NetParameter; is this a .caffemodel?")
        if position + length > limit:
            raise CaffeError(
                f"{self.path}: a field at byte {start} needs {length} bytes and {limit - position} are left; "
                "the file is truncated or is no .caffemodel: fetch or train it again"
            )
        return Field(number, wire, position, position + length)

    def _read_varint(self, position: int, limit: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if position >= limit:
                raise CaffeError(f"{self.path}: the file ends inside a number at byte {position}; it is truncated")
            byte = self._buffer[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, position
        raise CaffeError(f"{self.path}: byte {position} is inside no valid number; is this a .caffemodel?")


def _stored(shape: Shape, legacy: bool, data: np.ndarray, diff: np.ndarray, where: str) -> StoredBlob:
    if data.size != math.prod(shape):
        raise CaffeError(f"{where}: {data.size} values for the shape {list(shape)}; the file is damaged")
    return StoredBlob(shape, legacy, data, diff if diff.size else None)


def _joined(chunks: list[np.ndarray]) -> np.ndarray:
    if not chunks:
        return np.zeros(0, np.float32)
    whole = chunks[0] if len(chunks) == 1 else np.concatenate(chunks)
    return whole.astype(np.float32, copy=False)


def varint(value: int) -> bytes:
    """A number in seven-bit groups, the lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def key(number: int, wire: int) -> bytes:
    """What stands before a field's value."""
    return varint(number << 3 | wire)


def tagged(number: int, payload: bytes) -> bytes:
    """A whole field of wire type BYTES."""
    return key(number, BYTES) + varint(len(payload)) + payload


def size_of(pieces: Iterable[bytes | memoryview]) -> int:
    """Bytes in all."""
    return sum(len(piece) for piece in pieces)
