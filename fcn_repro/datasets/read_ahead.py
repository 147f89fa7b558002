"""Reading ahead: what a data layer will serve next is decoded in a thread while the net computes.

It is only ever a guess that saves time. What is served, in which order, from which draws, and which error is raised at
which item is as if everything were read when its turn comes: a guess that was wrong is dropped, and what was not
foreseen is read at once.

READ_AHEAD=2   (default) that many items; 0 reads each when its turn comes
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, Hashable, Sequence

Arrays = Sequence[Any]
DEFAULT = 2


def depth() -> int:
    """How many items are read ahead.

    Raises   ValueError when READ_AHEAD is no whole number, 0 or more.
    """
    text = os.environ.get("READ_AHEAD", str(DEFAULT))
    if not text.isdecimal():
        raise ValueError(f"READ_AHEAD={text!r}; expected how many items to read ahead: 0, 1, 2, ...")
    return int(text)


class ReadAhead:
    """A thread that reads; it begins with the first guess and ends with this object, or with the program.

    Under real Caffe it reads only while Caffe itself waits for it: pycaffe keeps Python's lock while a net computes.
    """

    def __init__(self, read: Callable[[Any], Arrays]) -> None:
        """`read` gives the arrays of one pick, and the same ones whenever and in whichever thread it is asked."""
        self._read = read
        self._thread = ThreadPoolExecutor(1, "read-ahead")
        self._readings: dict[Hashable, Future] = {}

    def take(self, pick: Hashable) -> Arrays:
        """The arrays of a pick.

        Raises   what reading it raises; asked again, it is read anew.
        """
        reading = self._readings.pop(pick, None)
        return self._read(pick) if reading is None or reading.cancel() else reading.result()

    def expect(self, picks: Sequence[Hashable]) -> None:
        """Read these next, in this order; what was expected and is not among them is dropped."""
        for pick in self._readings.keys() - set(picks):
            self._readings.pop(pick).cancel()
        for pick in picks:
            if pick not in self._readings:
                self._readings[pick] = self._thread.submit(self._read, pick)
