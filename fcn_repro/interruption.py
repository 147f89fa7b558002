"""Ctrl-C and SIGTERM as a request that is heard at the end of a step, not in its middle."""

from __future__ import annotations

import signal
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):
    """A job was asked to stop and did, with everything kept; the message says how to go on."""


class Interruption:
    """While entered, the first signal only sets `requested`; a second one ends the program as usual.

    Signals reach the main thread alone, so it must be entered there.
    """

    requested = False

    def __enter__(self) -> Interruption:
        self._usual = {number: signal.signal(number, self._request) for number in SIGNALS}
        return self

    def __exit__(self, *exception: object) -> None:
        self._give_back()

    def _request(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        self._give_back()

    def _give_back(self) -> None:
        for number, handler in self._usual.items():
            signal.signal(number, handler)
