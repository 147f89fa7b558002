"""What a net's blobs take together, refused before it is allocated where this machine cannot hold it.

Source   caffe 9b89154 net.cpp, which logs "Memory required for data" and then takes what it is promised: the operating
         system kills the process where that is too much.
"""

from __future__ import annotations

from collections.abc import Iterable

from fcn_repro.caffe import mode
from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.system import memory
from fcn_repro.system.memory import VALUE_BYTES

SMALL = 10**8  # bytes that every machine has, and nobody needs to look for


class MemoryRequired:
    """The account of one net, in bytes. Parameters are counted as they are made, tops when they are about to be.

    What is not counted comes on top of it: gradients, solver history, most of what a layer needs while it computes.
    """

    def __init__(self) -> None:
        self._made = 0

    def make(self, what: str, count: int) -> None:
        """Count a blob of `count` elements that is made while the net is built, and stays.

        Raises   CaffeError beginning with `what`, with its size and the machine's
        """
        self._made += VALUE_BYTES * count
        _require(what, count, self._made)

    def fill(self, what: str, blob: Blob, others: Iterable[Blob], copies: float = 0) -> None:
        """See that there is room for the values of a blob beside those of others; blobs may share their memory.

        `copies` of the blob's size are needed on the way to its values. On a GPU nothing is looked at: there it is an
        error, not the end of the process, to ask for too much.

        Raises   as `make`
        """
        if mode.device().type == "cpu":
            counts = {id(each.memory): each.count for each in (*others, blob)}
            _require(what, blob.count, VALUE_BYTES * (sum(counts.values()) + copies * blob.count))


def _require(what: str, count: int, total: float) -> None:
    if total <= SMALL:
        return
    most = memory.available_bytes()
    if total > most:
        raise CaffeError(
            f"{what} takes {memory.format_bytes(VALUE_BYTES * count)}, and what the net needs by then {memory.format_bytes(total)}: "
            f"of {memory.format_bytes(memory.total_bytes())} on this machine, {memory.format_bytes(most)} can be had. "
            "To count on more: MEMORY_GB=N, or MEMORY_GB=inf to try it"
        )
