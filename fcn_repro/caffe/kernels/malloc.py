"""glibc's heap: keep freed activation memory between passes, and trim the fragmentation of changing image sizes.

An activation of FCN takes up to 125 MB. By default glibc returns such a block to the kernel when it is freed, and
fetches zeroed pages for the next one. These page faults cost more than half of a plain forward pass.

With many image sizes, freed blocks do not fit the next request, and fragmentation grows: 16 tiles of nine sizes held
5.0 GB, of which they used 2.1 GB. So free memory returns to the kernel after a pass that leaves much more than a pass
needs, and before a layer that would exceed this process's limit. A pass needs what it leaves free if it began right
after a trim; to trim that too would cost the next pass a tenth of its time in page faults.
"""

import ctypes
import sys
from dataclasses import dataclass
from functools import cache

from fcn_repro.caffe import mode
from fcn_repro.system import memory

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # malloc.h
MIN_FRAGMENTATION = 1 << 29  # bytes: less, beyond what a pass needs, is kept
MIN_NEEDED = 1 << 25  # bytes: smaller requests are not checked


@dataclass
class _Passes:
    """Bytes that are resident and free after a pass; part of them is code of libraries, not heap."""

    left_free: float = 0.0  # by the last pass that began right after a trim
    begins_trimmed: bool = False  # the next pass


_passes = _Passes()


class _Heap(ctypes.Structure):
    """struct mallinfo2 of malloc.h."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "used", "free", "keepcost")
    ]


def keep_freed_memory() -> None:
    """Make glibc serve large blocks of this process from its heap and keep freed ones; no-op elsewhere."""
    mallopt = getattr(_libc(), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, -1)


def trim_fragmentation() -> None:
    """After a pass: return free memory to the kernel if it exceeds what a pass needs.

    It must exceed that by MIN_FRAGMENTATION and by half of the used memory. No-op without glibc 2.33 or later.
    """
    mallinfo2 = getattr(_libc(), "mallinfo2", None)
    if mallinfo2 is None:
        return
    mallinfo2.restype = _Heap
    heap = mallinfo2()
    left_free = min(heap.free, memory.resident_bytes() - heap.used)
    if _passes.begins_trimmed:
        _passes.left_free, _passes.begins_trimmed = left_free, False
    if left_free > _passes.left_free + max(MIN_FRAGMENTATION, heap.used // 2):
        _trim()


def ensure_available(needed: int) -> bool:
    """Return free memory to the kernel if `needed` more bytes could exceed this process's limit.

    Free blocks might serve the request, but then the trim costs no more than page faults. Returns whether `needed` fits
    now. On a GPU, or for less than MIN_NEEDED, returns True at once.
    """
    if needed < MIN_NEEDED or mode.device().type != "cpu" or _fits(needed):
        return True
    _trim()
    return _fits(needed)


def _fits(needed: int) -> bool:
    return memory.resident_bytes() + needed <= memory.available_bytes()


def _trim() -> None:
    trim = getattr(_libc(), "malloc_trim", None)
    if trim is not None:
        trim(0)
        _passes.begins_trimmed = True


@cache
def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform.startswith("linux") else None
