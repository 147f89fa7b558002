"""Read LMDB databases without LMDB's library.

The library allows one opening of a database per process, so a net and its script could not read one at once. It also
trusts its files; this reader checks every position.

Source   liblmdb 0.9, mdb.c: struct MDB_page, MDB_node, MDB_db, MDB_meta, on a little-endian 64-bit machine
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from fcn_repro.caffe.errors import CaffeError

MAGIC, VERSION = 0xBEEFC0DE, 1
BRANCH, LEAF = 0x01, 0x02  # flags of a page
LARGE, SUBDATABASE, DUPLICATES = 0x01, 0x02, 0x04  # flags of a node
_NO_PAGE = 2**64 - 1
_HEADER = struct.Struct("<QHHHH")  # of a page: number, padding, flags, end of the node offsets, start of the nodes
_NODE = struct.Struct("<HHHH")  # low and high half of a value's size or a page's number, flags, size of the key
_META = struct.Struct("<II16x48xIHH5Q")  # magic, version, then the main database: pad, flags, depth, ..., entries, root
_PAGE_SIZE = struct.Struct("<24xI")  # in the free database, which precedes the main one
_TRANSACTION = struct.Struct("<128xQ")
MAX_DEPTH = 32  # mdb.c's CURSOR_STACK


@dataclass
class _Meta:
    transaction: int
    page_size: int
    entries: int
    root: int


class LmdbFile:
    """The records of a database in the order of their keys.

    Attributes
        entries    number of records

    Raises   CaffeError for a missing database, or a file that is damaged or not LMDB's
    """

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, "data.mdb")
        try:
            with open(self.path, "rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise CaffeError(f"Could not open the LMDB {folder}: {error}") from error
        self._meta = self._read_meta()
        self.entries = self._meta.entries

    def values(self) -> Iterator[bytes]:
        """Yield the value of every record."""
        self._unread_pages = len(self._map) // self._meta.page_size
        if self._meta.root != _NO_PAGE:
            yield from self._values(self._meta.root, 0)

    def _values(self, number: int, depth: int) -> Iterator[bytes]:
        self._unread_pages -= 1
        if depth > MAX_DEPTH or self._unread_pages < 0:
            raise self._damage("its pages form a circle")
        start, flags, nodes = self._page(number)
        for node in nodes:
            low, high, node_flags, key_size = self._unpack(_NODE, start + node)
            value = start + node + _NODE.size + key_size
            if flags & BRANCH:
                yield from self._values(low | high << 16 | node_flags << 32, depth + 1)
            elif node_flags & (SUBDATABASE | DUPLICATES):
                raise self._damage("it has databases in a database, which Caffe does not read")
            else:
                size = low | high << 16
                if node_flags & LARGE:
                    (page,) = self._unpack(struct.Struct("<Q"), value)
                    value = page * self._meta.page_size + _HEADER.size
                yield self._bytes(value, size)

    def _page(self, number: int) -> tuple[int, int, list[int]]:
        """Return a page's position, its flags, and the offsets of its nodes."""
        start = number * self._meta.page_size
        _, _, flags, end, _ = self._unpack(_HEADER, start)
        count = (end - _HEADER.size) // 2
        if not flags & (BRANCH | LEAF) or not 0 <= count <= self._meta.page_size // 2:
            raise self._damage(f"page {number} is no page of records")
        return start, flags, list(self._unpack(struct.Struct(f"<{count}H"), start + _HEADER.size))

    def _read_meta(self) -> _Meta:
        """Return the newer of the two valid heads."""
        first = self._read_head(0)
        page_size = first.page_size if first else 4096
        heads = [head for head in (first, self._read_head(page_size)) if head]
        if not heads:
            raise self._damage("it has no valid head")
        return max(heads, key=lambda head: head.transaction)

    def _read_head(self, start: int) -> _Meta | None:
        start += _HEADER.size
        if start + _TRANSACTION.size > len(self._map):
            return None
        magic, version, *_, entries, root = _META.unpack_from(self._map, start)
        (page_size,) = _PAGE_SIZE.unpack_from(self._map, start)
        if (magic, version) != (MAGIC, VERSION) or not 256 <= page_size <= 65536 or page_size & (page_size - 1):
            return None
        (transaction,) = _TRANSACTION.unpack_from(self._map, start)
        return _Meta(transaction, page_size, entries, root)

    def _unpack(self, layout: struct.Struct, start: int) -> tuple[int, ...]:
        return layout.unpack(self._bytes(start, layout.size))

    def _bytes(self, start: int, size: int) -> bytes:
        if not 0 <= start <= start + size <= len(self._map):
            raise self._damage(f"a record reaches byte {start + size} of {len(self._map)}")
        return self._map[start : start + size]

    def _damage(self, what: str) -> CaffeError:
        return CaffeError(f"{self.path}: {what}; expected an LMDB of Caffe's records. Fix: write it again")
