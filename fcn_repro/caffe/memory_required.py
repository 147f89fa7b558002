"""Memory that a net's blobs need; a net that does not fit is refused before allocation.

Source   caffe 9b89154 net.cpp, which logs "Memory required for data" and then allocates: the operating system kills a
         process that needs too much
"""

from __future__ import annotations

from collections.abc import Iterable

from fcn_repro.caffe import mode
from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.system import memory
from fcn_repro.system.memory import VALUE_BYTES

SMALL = 10**8  # bytes that every machine has; smaller totals are not checked


class MemoryRequired:
    """The bytes of one net. Parameters count when they are made, tops before they are computed.

    Gradients, solver history and most of a layer's workspace are not counted.
    """

    def __init__(self) -> None:
        self._added = 0

    def add(self, subject: str, count: int) -> None:
        """Count a permanent blob of `count` elements before it is made.

        Raises   CaffeError beginning with `subject`, with the blob's size and the machine's
        """
        self._added += VALUE_BYTES * count
        _require(subject, count, self._added)

    def check(self, subject: str, blob: Blob, others: Iterable[Blob], copies: float = 0) -> None:
        """Check that a blob's values fit beside those of `others`; shared memory counts once.

        Computing the values needs `copies` of the blob's size besides. A GPU is not checked: it reports a failed
        allocation as an error.

        Raises   as `add`
        """
        if mode.device().type == "cpu":
            counts = {id(each.memory): each.count for each in (*others, blob)}
            _require(subject, blob.count, VALUE_BYTES * (sum(counts.values()) + copies * blob.count))


def _require(subject: str, count: int, total: float) -> None:
    if total <= SMALL:
        return
    available = memory.available_bytes()
    if total > available:
        size, needed, free, machine = map(
            memory.format_bytes, (VALUE_BYTES * count, total, available, memory.total_bytes())
        )
        raise CaffeError(
            f"{subject} takes {size}: the net needs {needed}, and {free} of {machine} are available. "
            "Fix: count on more memory with MEMORY_GB=N, or try with MEMORY_GB=inf"
        )
