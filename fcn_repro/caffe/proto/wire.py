"""protobuf's wire format, as far as Caffe's files need it: hundreds of megabytes of floats between a few tags.

Packed floats are plain little-endian bytes on the wire, so walking the tags around them lets numpy look straight into
the mapped file.

Source   protobuf's encoding rules
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fcn_repro.caffe.errors import CaffeError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MAX_FIELDS = 1_000_000  # of a file that are gone through; the largest nets have some ten thousand, and runs count once
_FIXED_SIZE = {FIXED64: 8, FIXED32: 4}


@dataclass
class Field:
    """Where the value of one field lies in the file.

    Of a repeated fixed-size field that is not packed, the whole run: from the first value to the end of the last, with
    a tag of `tag` bytes before each.
    """

    number: int
    wire: int
    tag: int
    start: int
    end: int
    value: int = 0  # of a varint


class Reader:
    """Walks one mapped file; every position is checked against the message that contains it."""

    def __init__(self, path: str | Path, kind: str) -> None:
        """Map the file; `kind` says in errors what it should be.

        Raises   RuntimeError("Could not open file ...") as pycaffe does; CaffeError for an empty file.
        """
        self.path, self._kind, self._seen = str(path), kind, 0
        try:
            if not Path(path).is_file():
                Path(path).stat()  # which says why there is none
                raise CaffeError(f"Could not open file {path}: no plain file")
            with open(path, "rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:  # an empty file cannot be mapped
            raise CaffeError(f"{path}: the file is empty; fetch or train it again") from error
        except OSError as error:
            raise CaffeError(f"Could not open file {path}: {error.strerror}") from error

    def message(self) -> Iterator[Field]:
        """The fields of the whole file."""
        return self._fields(0, len(self._map))

    def inside(self, part: Field) -> Iterator[Field]:
        """The fields of a message that is the value of a field."""
        return self._fields(part.start, part.end)

    def text(self, part: Field) -> str:
        """The value of a string field."""
        return self._map[part.start : part.end].decode("utf-8", "replace")

    def integers(self, part: Field) -> Iterator[int]:
        """The values of a repeated integer field, packed or not."""
        if part.wire == VARINT:
            yield part.value
        position = part.start
        while part.wire == BYTES and position < part.end:
            value, position = self._varint(position, part.end)
            yield _signed(value)

    def floats(self, part: Field, size: int, where: str) -> np.ndarray:
        """The values of a repeated float (size 4) or double (size 8) field: packed ones mapped, others copied.

        Raises   CaffeError beginning with `where` if the field holds something else.
        """
        if part.wire == BYTES:
            length = part.end - part.start
            if length % size:
                raise CaffeError(
                    f"{where}: {length} bytes are no whole number of {size}-byte floats; the file is damaged"
                )
            return np.frombuffer(self._map, f"<f{size}", length // size, part.start)
        if _FIXED_SIZE.get(part.wire) != size:
            raise CaffeError(f"{where}: numbers of wire type {part.wire} where floats belong; the file is damaged")
        first = part.start - part.tag
        rows = np.frombuffer(self._map, np.uint8, part.end - first, first).reshape(-1, part.tag + size)
        return np.ascontiguousarray(rows[:, part.tag :]).view(f"<f{size}").reshape(-1)

    def forget(self) -> None:
        """Give the pages that were read back to the system; arrays stay valid, and read them again when asked."""
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
            raise CaffeError(f"{self.path}: byte {start} begins no field; is this a {self._kind}?")
        if wire == VARINT:
            value, end = self._varint(position, limit)
            return Field(number, wire, tag, position, end, _signed(value))
        if wire == BYTES:
            length, position = self._varint(position, limit)
        else:
            length = _FIXED_SIZE[wire]
        if position + length > limit:
            raise CaffeError(
                f"{self.path}: a field at byte {start} needs {length} bytes and {limit - position} are left; "
                f"the file is truncated or is no {self._kind}: fetch or train it again"
            )
        end = position + length if wire == BYTES else self._run_end(start, tag, tag + length, limit)
        return Field(number, wire, tag, position, end)

    def _run_end(self, start: int, tag: int, step: int, limit: int) -> int:
        """Where the run of equal tags, one every `step` bytes from `start`, ends; looked for in growing strides."""
        rows = np.frombuffer(self._map, np.uint8, (limit - start) // step * step, start).reshape(-1, step)
        count = 1
        while count < len(rows):
            alike = (rows[count : 2 * count, :tag] == rows[0, :tag]).all(axis=1)
            if not alike.all():
                return start + (count + int(alike.argmin())) * step
            count += len(alike)
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
        raise CaffeError(f"{self.path}: byte {position} is inside no valid number; is this a {self._kind}?")


def _signed(value: int) -> int:
    return value - 2**64 if value >> 63 else value


def varint(value: int) -> bytes:
    """A number that is not negative, in seven-bit groups, the lowest first."""
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
