"""Read and write protobuf's wire format without copying arrays.

Packed floats are plain little-endian bytes, so numpy maps them from the file.

Source   protobuf's encoding rules
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto.text_encoding import decode_name, file_path

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MAX_FIELDS = 1_000_000  # fields of one file; the largest nets have about 10,000, and a run of fields counts once
_FIXED_SIZE = {FIXED64: 8, FIXED32: 4}


@dataclass
class Field:
    """Position of a field's value in the file.

    For an unpacked repeated field of fixed size: the whole run, from the first value to the end of the last. A tag of
    `tag` bytes precedes each value.
    """

    number: int
    wire: int
    tag: int
    start: int
    end: int
    value: int = 0  # of a varint


class Reader:
    """Walks a mapped file and checks every position against the enclosing message."""

    def __init__(self, path: str | Path, kind: str) -> None:
        """Map the file; `kind` names the expected format in errors.

        Raises   CaffeError("Could not open file ...") as pycaffe does, and for an empty file.
        """
        self.path, self._kind, self._seen = str(path), kind, 0
        try:
            name = file_path(str(path))
            if not Path(name).is_file():
                Path(name).stat()  # raises OSError with the reason if the path is missing
                raise CaffeError(f"Could not open file {path}: not a regular file")
            with open(name, "rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:  # an empty file cannot be mapped
            raise CaffeError(f"{path}: the file is empty; fetch or train it again") from error
        except OSError as error:
            raise CaffeError(f"Could not open file {path}: {error.strerror}") from error

    def message(self) -> Iterator[Field]:
        """Yield the fields of the whole file."""
        return self._fields(0, len(self._map))

    def inside(self, part: Field) -> Iterator[Field]:
        """Yield the fields of the message in a field."""
        return self._fields(part.start, part.end)

    def text(self, part: Field) -> str:
        """Decode a string field."""
        return decode_name(self._map[part.start : part.end])

    def payload(self, part: Field) -> memoryview:
        """Return the bytes of a field, mapped from the file."""
        return memoryview(self._map)[part.start : part.end]

    def integers(self, part: Field) -> Iterator[int]:
        """Yield the values of a repeated integer field, packed or not."""
        if part.wire == VARINT:
            yield part.value
        position = part.start
        while part.wire == BYTES and position < part.end:
            value, position = self._varint(position, part.end)
            yield _to_signed(value)

    def floats(self, part: Field, size: int, where: str) -> np.ndarray:
        """Get the values of a repeated float (size 4) or double (size 8) field; packed values are mapped.

        Raises   CaffeError beginning with `where` if the field holds another type.
        """
        if part.wire == BYTES:
            length = part.end - part.start
            if length % size:
                raise CaffeError(f"{where}: {length} bytes are not a multiple of {size}; the file is damaged")
            return np.frombuffer(self._map, f"<f{size}", length // size, part.start)
        if _FIXED_SIZE.get(part.wire) != size:
            raise CaffeError(f"{where}: values of wire type {part.wire}; expected floats; the file is damaged")
        first = part.start - part.tag
        rows = np.frombuffer(self._map, np.uint8, part.end - first, first).reshape(-1, part.tag + size)
        return np.ascontiguousarray(rows[:, part.tag :]).view(f"<f{size}").reshape(-1)

    def release_pages(self) -> None:
        """Return the pages that were read to the system; arrays stay valid and read them again on demand."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)

    def _fields(self, start: int, end: int) -> Iterator[Field]:
        while start < end:
            self._seen += 1
            if self._seen > MAX_FIELDS:
                raise CaffeError(f"{self.path}: more than {MAX_FIELDS} fields; is this a {self._kind}?")
            part = self._field(start, end)
            yield part
            start = part.end

    def _field(self, start: int, limit: int) -> Field:
        key, position = self._varint(start, limit)
        number, wire, tag = key >> 3, key & 7, position - start
        if not number or wire not in (VARINT, BYTES, *_FIXED_SIZE):
            raise CaffeError(f"{self.path}: no valid field at byte {start}; is this a {self._kind}?")
        if wire == VARINT:
            value, end = self._varint(position, limit)
            return Field(number, wire, tag, position, end, _to_signed(value))
        if wire == BYTES:
            length, position = self._varint(position, limit)
        else:
            length = _FIXED_SIZE[wire]
        if position + length > limit:
            raise CaffeError(
                f"{self.path}: a field at byte {start} needs {length} bytes and {limit - position} are left; "
                f"the file is truncated or not a {self._kind}: fetch or train it again"
            )
        end = position + length if wire == BYTES else self._run_end(start, tag, tag + length, limit)
        return Field(number, wire, tag, position, end)

    def _run_end(self, start: int, tag: int, step: int, limit: int) -> int:
        """Find the end of a run of equal tags, one every `step` bytes from `start`, by galloping search."""
        rows = np.frombuffer(self._map, np.uint8, (limit - start) // step * step, start).reshape(-1, step)
        count = 1
        while count < len(rows):
            equal = (rows[count : 2 * count, :tag] == rows[0, :tag]).all(axis=1)
            if not equal.all():
                return start + (count + int(equal.argmin())) * step
            count += len(equal)
        return start + count * step

    def _varint(self, position: int, limit: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if position >= limit:
                raise CaffeError(f"{self.path}: the file ends inside a number at byte {position}; it is truncated")
            byte = self._map[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value % 2**64, position
        raise CaffeError(f"{self.path}: invalid number at byte {position}; is this a {self._kind}?")


def _to_signed(value: int) -> int:
    return value - 2**64 if value >> 63 else value


def encode_varint(value: int) -> bytes:
    """Encode an integer >= 0 in groups of seven bits, lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode_key(number: int, wire: int) -> bytes:
    """Encode field number and wire type, which precede a value."""
    return encode_varint(number << 3 | wire)


def encode_integer(number: int, value: int) -> bytes:
    """Encode a field with an integer >= 0."""
    return encode_key(number, VARINT) + encode_varint(value)


def encode_field(number: int, payload: bytes) -> bytes:
    """Encode a field of wire type BYTES."""
    return encode_key(number, BYTES) + encode_varint(len(payload)) + payload


def encode_message(number: int, pieces: Sequence[bytes | memoryview]) -> list[bytes | memoryview]:
    """Encode a field of wire type BYTES whose payload is in pieces, which are not copied."""
    return [encode_key(number, BYTES), encode_varint(sum(len(piece) for piece in pieces)), *pieces]
