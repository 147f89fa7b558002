"""Check untrusted MATLAB 5 files before scipy reads them.

Why not scipy alone: scipy 1.17 trusts the file. Ten thousand nested cells end the process, kilobytes unpack to
gigabytes, and it takes the next bytes for a missing part and may crash (docs/scipy-mat-files.md has two inputs).
This module checks the structure: unpacked size, nesting of elements, their depth and number, and that every array has
the parts that its class requires, in the sizes that its shape requires.

Source   MathWorks, MAT-File Format, "Level 5 MAT-File Format"
"""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path
from typing import Any, Iterator, Mapping

import scipy.io

from fcn_repro.system import untrusted_files

MB = 1 << 20
LIMIT = 256 * MB  # of an unpacked variable; a label map has less than 10 MB
DEPTH, ELEMENTS = 16, 1_000_000  # limits of nesting, and of elements in total
ITEM_BYTES = {
    1: 1,
    2: 1,
    3: 2,
    4: 2,
    5: 4,
    6: 4,
    7: 4,
    9: 8,
    12: 8,
    13: 8,
    16: 1,
    17: 2,
    18: 4,
}  # bytes by element type
MATRIX, COMPRESSED = 14, 15  # element types
CELL, STRUCT, CHAR, SPARSE, NUMERIC = 1, 2, 4, 5, range(6, 16)  # supported array classes
INT32 = 5  # element type of dimensions, and of the length of a struct's field names


def load(path: Path, *variables: str, limit: int = LIMIT, **options: Any) -> Mapping[str, Any]:
    """Load variables of a MATLAB 5 file with scipy.io.loadmat; the other variables' values are None.

    Parameters
        limit     maximum bytes of an unpacked variable
        options   of loadmat

    Raises   ValueError for a damaged file, another version, and a variable above `limit`; scipy's errors for the rest
    """
    content = untrusted_files.read_bytes(path, limit)
    if content[124:128] not in (b"\0\1IM", b"\1\0MI"):
        raise ValueError("got no MATLAB 5 header; expected MATLAB 5, not 7.3 (HDF5) or 4")
    order = "<" if content[126:128] == b"IM" else ">"
    whole, names = _Elements(memoryview(content)[128:], order), []
    for kind, start, end in whole.iterate(0, len(content) - 128):
        if kind == COMPRESSED:
            unpacked = zlib.decompressobj().decompress(whole.body[start:end], limit + 1)
            if len(unpacked) > limit:
                raise ValueError(f"a variable unpacks to more than {limit} bytes")
            names.append(_Elements(memoryview(unpacked), order).check_variable())
        elif kind == MATRIX:
            names.append(whole.check_array(start, end, 0))
    return {**dict.fromkeys(names), **scipy.io.loadmat(str(path), variable_names=list(variables), **options)}


class _Elements:
    """A sequence of bytes with nested elements."""

    def __init__(self, body: memoryview, order: str) -> None:
        self.body, self._order = body, order
        self._seen = 0

    def check_variable(self) -> str:
        """Check an unpacked variable, one array, and return its name."""
        kind, start, end = next(self.iterate(0, len(self.body)), (0, 0, 0))
        if kind != MATRIX:
            raise ValueError(f"got a variable of type {kind}; expected an array")
        return self.check_array(start, end, 0)

    def iterate(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield type, start and end of every element in a range."""
        while start < end:
            kind, size, start, following = self._tag(start, end)
            if start + size > end:
                raise ValueError(f"got an element of {size} bytes; expected at most the remaining {end - start}")
            self._seen += 1
            if self._seen > ELEMENTS:
                raise ValueError(f"got more than {ELEMENTS} elements")
            yield kind, start, start + size
            start = following

    def check_array(self, start: int, end: int, depth: int) -> str:
        """Check an array (flags, dimensions, name, then the content of its class) and return its name."""
        if start == end:
            return ""  # an empty cell
        if depth > DEPTH:
            raise ValueError(f"got nested arrays, more than {DEPTH} deep")
        parts = list(self.iterate(start, end))
        if len(parts) < 3 or parts[0][2] - parts[0][1] != 8 or parts[1][0] != INT32:
            raise ValueError("got an array without flags, dimensions and name")
        (flags,) = struct.unpack_from(f"{self._order}I", self.body, parts[0][1])
        dims = struct.unpack(f"{self._order}{(parts[1][2] - parts[1][1]) // 4}i", self._bytes(parts[1], 4))
        if len(dims) < 2 or min(dims) < 0:
            raise ValueError(f"got an array of shape {dims}")
        array_class, is_complex = flags & 0xFF, bool(flags & 0x800)
        if array_class in (CELL, STRUCT):
            self._check_content(array_class, dims, parts[3:], depth)
        elif array_class in (CHAR, SPARSE, *NUMERIC):
            _check_numbers(array_class, is_complex, dims, parts[3:])
        else:
            raise ValueError(f"got an array of class {array_class}; expected numbers, text, cells or structs")
        return self._bytes(parts[2], 1).decode("latin-1")

    def _check_content(self, array_class: int, dims: tuple, parts: list, depth: int) -> None:
        """Check cells, or the fields of structs."""
        expected = math.prod(dims)
        if array_class == STRUCT:
            if len(parts) < 2 or parts[0][0] != INT32 or parts[0][2] - parts[0][1] != 4:
                raise ValueError("got a struct without field names")
            (longest,) = struct.unpack(f"{self._order}i", self._bytes(parts[0], 4))
            names = parts[1][2] - parts[1][1]
            if names and not 0 < longest <= names:
                raise ValueError(f"got field names of {longest} bytes in {names} bytes")
            expected *= names // longest if names else 0
            parts = parts[2:]
        arrays = [part for part in parts if part[0] == MATRIX]
        if len(arrays) != expected or len(parts) != expected:
            raise ValueError(
                f"got {len(arrays)} arrays and {len(parts) - len(arrays)} other elements for the shape {dims}"
            )
        for _, start, end in arrays:
            self.check_array(start, end, depth + 1)

    def _tag(self, start: int, end: int) -> tuple[int, int, int, int]:
        """Type and size of the element at `start`, start of its content, and start of the next element."""
        if end - start < 8:
            raise ValueError(f"got {end - start} bytes; expected a tag of 8")
        kind, size = struct.unpack_from(f"{self._order}2I", self.body, start)
        if kind > 0xFFFF:  # a small element: tag and content in eight bytes
            return kind & 0xFFFF, min(kind >> 16, 5), start + 4, start + 8
        padded = size if kind == COMPRESSED else -(-size // 8) * 8
        return kind, size, start + 8, start + 8 + padded

    def _bytes(self, part: tuple[int, int, int], multiple: int) -> bytes:
        _, start, end = part
        if (end - start) % multiple:
            raise ValueError(f"got {end - start} bytes; expected a multiple of {multiple}")
        return self.body[start:end].tobytes()


def _check_numbers(array_class: int, is_complex: bool, dims: tuple, parts: list) -> None:
    """Check the elements of numbers or text: one each for real and imaginary parts; sparse ones have indices, too."""
    if len(parts) < (3 if array_class == SPARSE else 1) + is_complex:
        raise ValueError(f"got {len(parts)} elements of numbers for the shape {dims}")
    least = 0 if array_class == SPARSE else math.prod(dims)
    for kind, start, end in parts:
        if kind not in ITEM_BYTES or ITEM_BYTES[kind] * least > end - start:
            raise ValueError(f"got {end - start} bytes of type {kind} for the shape {dims}")
