"""Keep the memory of activations between passes.

An activation of FCN is up to 125 MB. glibc gives such a block back to the kernel when it is freed and fetches zeroed
pages for the next one; faulting these in costs more than half of a plain forward pass.
"""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # malloc.h


def keep_pages() -> None:
    """Tell glibc, for this process, to serve large blocks from its heap and to keep what is freed; no-op elsewhere."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, -1)
