"""Keep the memory of activations between passes, but not what passes of other sizes leave between them.

An activation of FCN is up to 125 MB. glibc gives such a block back to the kernel when it is freed and fetches zeroed
pages for the next one; faulting these in costs more than half of a plain forward pass.

Where pictures have many sizes, what one frees does not fit what the next asks for, and the holes add up: 16 tiles of
nine sizes came to 5.0 GB, of which 2.1 GB were used. So holes are given back after a pass that leaves many more than a
pass needs, and before a layer that would take the process over what it may have. What a pass needs is what it leaves
when it began without holes: if that were given back, too, the next pass would fault it in again, a tenth of its time.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from functools import cache

from fcn_repro.caffe import mode
from fcn_repro.system import memory

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # malloc.h
LEAST_FREE = 1 << 29  # bytes: holes of less, beside those that a pass needs, are kept
LEAST_NEEDED = 1 << 25  # bytes: for less nobody looks whether they are there


@dataclass
class _Passes:
    """What passes leave: bytes that are held and not used. Some of it are libraries, not holes."""

    left: float = 0.0  # by the last one that began without holes
    begins_without: bool = False  # the next one


_passes = _Passes()


class _Heap(ctypes.Structure):
    """struct mallinfo2 of malloc.h."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "used", "free", "keepcost")
    ]


def keep_pages() -> None:
    """Tell glibc, for this process, to serve large blocks from its heap and to keep what is freed; no-op elsewhere."""
    mallopt = getattr(_libc(), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, -1)


def give_back_holes() -> None:
    """After a pass: give what is held and free back to the kernel if it is much more than passes need.

    That is more by LEAST_FREE, and by half of what is used. No-op where there is no glibc of 2.33 or later.
    """
    mallinfo2 = getattr(_libc(), "mallinfo2", None)
    if mallinfo2 is None:
        return
    mallinfo2.restype = _Heap
    heap = mallinfo2()
    left = min(heap.free, memory.resident_bytes() - heap.used)
    if _passes.begins_without:
        _passes.left, _passes.begins_without = left, False
    if left > _passes.left + max(LEAST_FREE, heap.used // 2):
        _trim()


def make_room(needed: int) -> bool:
    """Give all that is free back to the kernel if `needed` bytes on the CPU could be more than this process may have.

    They may fit into holes, but then the kernel only has to find them again. Returns whether they are less now; nothing
    is looked at, or given, where memory is a GPU's or what is needed is little.
    """
    if needed < LEAST_NEEDED or mode.device().type != "cpu" or _fits(needed):
        return True
    _trim()
    return _fits(needed)


def _fits(needed: int) -> bool:
    return memory.resident_bytes() + needed <= memory.available_bytes()


def _trim() -> None:
    trim = getattr(_libc(), "malloc_trim", None)
    if trim is not None:
        trim(0)
        _passes.begins_without = True


@cache
def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform.startswith("linux") else None
