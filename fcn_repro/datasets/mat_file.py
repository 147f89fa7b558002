"""MATLAB 5 files from strangers: looked through before scipy reads them.

scipy trusts what a .mat says of itself: cells in cells, ten thousand deep, end the process, and a few hundred kilobytes
unpack to gigabytes. What is checked here is the frame: how much there is when unpacked, that every part lies within
the one around it, how deep and how many they are, and that arrays have the parts that their classes promise, of the
sizes that their shapes do: scipy takes what follows for those that are missing, whatever it is, and may crash over it.

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
LIMIT = 256 * MB  # of a variable, unpacked; a label map of a photograph has less than 10
DEPTH, ELEMENTS = 16, 1_000_000  # of parts in parts; of parts in all
ITEM_BYTES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8, 16: 1, 17: 2, 18: 4}  # by type of element
MATRIX, COMPRESSED = 14, 15  # types of elements, too
CELL, STRUCT, CHAR, SPARSE, NUMERIC = 1, 2, 4, 5, range(6, 16)  # classes of arrays; others are refused
INT32 = 5  # type of dimensions, and of the element that says how long the names of a struct's fields are


def load(path: Path, *variables: str, limit: int = LIMIT, **options: Any) -> Mapping[str, Any]:
    """The named variables of a MATLAB 5 file, as scipy.io.loadmat gives them, and None for each other that it holds.

    Parameters
        limit     bytes that a variable may have, unpacked
        options   loadmat's

    Raises   ValueError for a file that is damaged or of another version, or unpacks to more than `limit` bytes; what
             scipy raises for what else is wrong
    """
    content = untrusted_files.read_bytes(path, limit)
    if content[124:128] not in (b"\0\1IM", b"\1\0MI"):
        raise ValueError("expected MATLAB 5; MATLAB 7.3 is HDF5, and MATLAB 4 has no such header")
    order = "<" if content[126:128] == b"IM" else ">"
    whole, names = _Frame(memoryview(content)[128:], order), []
    for kind, start, end in whole.elements(0, len(content) - 128):
        if kind == COMPRESSED:
            unpacked = zlib.decompressobj().decompress(whole.body[start:end], limit + 1)
            if len(unpacked) > limit:
                raise ValueError(f"a variable unpacks to more than {limit} bytes")
            names.append(_Frame(memoryview(unpacked), order).check_all())
        elif kind == MATRIX:
            names.append(whole.check(start, end, 0))
    return {**dict.fromkeys(names), **scipy.io.loadmat(str(path), variable_names=list(variables), **options)}


class _Frame:
    """Bytes that hold elements, and elements in these."""

    def __init__(self, body: memoryview, order: str) -> None:
        self.body, self._order = body, order
        self._seen = 0

    def check_all(self) -> str:
        """Check what was unpacked, one array, and return its name."""
        kind, start, end = next(self.elements(0, len(self.body)), (0, 0, 0))
        if kind != MATRIX:
            raise ValueError(f"a variable of type {kind}; expected an array")
        return self.check(start, end, 0)

    def elements(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Type, start and end of every element of a stretch."""
        while start < end:
            kind, size, start, following = self._tag(start, end)
            if start + size > end:
                raise ValueError(f"a part of {size} bytes where {end - start} are left")
            self._seen += 1
            if self._seen > ELEMENTS:
                raise ValueError(f"more than {ELEMENTS} parts")
            yield kind, start, start + size
            start = following

    def check(self, start: int, end: int, depth: int) -> str:
        """Check an array, which is flags, dimensions, name, then what its class holds, and return its name."""
        if start == end:
            return ""  # an empty cell
        if depth > DEPTH:
            raise ValueError(f"arrays in arrays, more than {DEPTH} deep")
        parts = list(self.elements(start, end))
        if len(parts) < 3 or parts[0][2] - parts[0][1] != 8 or parts[1][0] != INT32:
            raise ValueError("an array without flags, dimensions and name")
        (flags,) = struct.unpack_from(f"{self._order}I", self.body, parts[0][1])
        dims = struct.unpack(f"{self._order}{(parts[1][2] - parts[1][1]) // 4}i", self._bytes(parts[1], 4))
        if len(dims) < 2 or min(dims) < 0:
            raise ValueError(f"an array of the shape {dims}")
        array_class, is_complex = flags & 0xFF, bool(flags & 0x800)
        if array_class in (CELL, STRUCT):
            self._check_arrays(array_class, dims, parts[3:], depth)
        elif array_class in (CHAR, SPARSE, *NUMERIC):
            _check_numbers(array_class, is_complex, dims, parts[3:])
        else:
            raise ValueError(f"an array of class {array_class}; expected numbers, text, cells or structs")
        return self._bytes(parts[2], 1).decode("latin-1")

    def _check_arrays(self, array_class: int, dims: tuple, parts: list, depth: int) -> None:
        """Check cells, or the fields of structs."""
        expected = math.prod(dims)
        if array_class == STRUCT:
            if len(parts) < 2 or parts[0][0] != INT32 or parts[0][2] - parts[0][1] != 4:
                raise ValueError("a struct without the names of its fields")
            (longest,) = struct.unpack(f"{self._order}i", self._bytes(parts[0], 4))
            names = parts[1][2] - parts[1][1]
            if names and not 0 < longest <= names:
                raise ValueError(f"names of fields, {longest} bytes long, in {names} bytes")
            expected *= names // longest if names else 0
            parts = parts[2:]
        arrays = [part for part in parts if part[0] == MATRIX]
        if len(arrays) != expected or len(parts) != expected:
            raise ValueError(f"{len(arrays)} arrays, and {len(parts) - len(arrays)} other parts, for the shape {dims}")
        for _, start, end in arrays:
            self.check(start, end, depth + 1)

    def _tag(self, start: int, end: int) -> tuple[int, int, int, int]:
        """Of the element at `start`: type, size, where its content begins, and where the next element does."""
        if end - start < 8:
            raise ValueError(f"{end - start} bytes where a part should begin")
        kind, size = struct.unpack_from(f"{self._order}2I", self.body, start)
        if kind > 0xFFFF:  # a small one, with all it has in these eight bytes
            return kind & 0xFFFF, min(kind >> 16, 5), start + 4, start + 8
        padded = size if kind == COMPRESSED else -(-size // 8) * 8
        return kind, size, start + 8, start + 8 + padded

    def _bytes(self, part: tuple[int, int, int], multiple: int) -> bytes:
        _, start, end = part
        if (end - start) % multiple:
            raise ValueError(f"{end - start} bytes, no multiple of {multiple}")
        return self.body[start:end].tobytes()


def _check_numbers(array_class: int, is_complex: bool, dims: tuple, parts: list) -> None:
    """Check numbers or text, whose parts are as many as their class has: rows, columns and values of sparse ones."""
    if len(parts) < (3 if array_class == SPARSE else 1) + is_complex:
        raise ValueError(f"{len(parts)} parts of numbers for the shape {dims}")
    least = 0 if array_class == SPARSE else math.prod(dims)
    for kind, start, end in parts:
        if kind not in ITEM_BYTES or ITEM_BYTES[kind] * least > end - start:
            raise ValueError(f"{end - start} bytes of type {kind} for the shape {dims}")
