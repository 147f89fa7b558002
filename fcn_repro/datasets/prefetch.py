"""Prefetching: a thread loads a data layer's next items while the net computes.

Prefetching changes the time only. Items, order, random draws and the item at which an error appears stay the same:
wrong predictions are dropped, and unpredicted items are loaded on demand.

READ_AHEAD=2   number of items to prefetch (default 2); 0 loads each item on demand
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, Hashable, Sequence

Arrays = Sequence[Any]


def get_queue_length() -> int:
    """The number of items to prefetch.

    Raises   ValueError when READ_AHEAD is no integer of 0 or more
    """
    text = os.environ.get("READ_AHEAD", "2")
    if not text.isdecimal():
        raise ValueError(f"READ_AHEAD: got {text!r}; expected the number of items to prefetch: 0, 1, 2, ...")
    return int(text)


class Prefetcher:
    """A thread that loads items. It starts with the first `schedule`, and ends with this object or the program.

    Under real Caffe it runs only while Caffe waits for it: pycaffe holds Python's lock while a net computes.
    """

    def __init__(self, read: Callable[[Any], Arrays]) -> None:
        """`read` returns the arrays of a pick. It must be deterministic and thread-safe."""
        self._read = read
        self._thread = ThreadPoolExecutor(1, "read-ahead")
        self._futures: dict[Hashable, Future] = {}

    def get(self, pick: Hashable) -> Arrays:
        """Return the arrays of a pick.

        Raises   the errors of `read`; another call reads the pick again
        """
        future = self._futures.pop(pick, None)
        return self._read(pick) if future is None or future.cancel() else future.result()

    def schedule(self, picks: Sequence[Hashable]) -> None:
        """Load these picks next, in this order, and drop all others."""
        for pick in self._futures.keys() - set(picks):
            self._futures.pop(pick).cancel()
        for pick in picks:
            if pick not in self._futures:
                self._futures[pick] = self._thread.submit(self._read, pick)
