"""Ctrl-C, SIGTERM and a lost terminal as requests that are heard at the end of a step, not in its middle.

A signal that was ignored when the program began (SIGHUP under nohup, SIGINT of a script's background job) stays so.
Signals reach the main thread alone, so what is here must be entered there.
"""

from __future__ import annotations

import contextlib
import signal
from types import FrameType
from typing import Any, Callable, Iterator, Mapping

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class JobInterrupted(Exception):
    """A job was asked to stop by the signal `number` and did, with everything kept; the message says how to go on."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


class SignalExit(KeyboardInterrupt):
    """The program is to end at once, because of the signal `number`."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number


def signal_number(interrupt: KeyboardInterrupt) -> int:
    """The signal behind an exception."""
    return interrupt.number if isinstance(interrupt, SignalExit) else signal.SIGINT


@contextlib.contextmanager
def raise_on_signal() -> Iterator[None]:
    """While entered, a signal raises SignalExit, so that on the way out what is half written is removed."""
    usual = _heard()
    _install({number: _stop for number in usual})
    try:
        yield
    finally:
        _install(usual)


class StopRequest:
    """While entered, the first signal only sets `requested` to its number; a second one does what it usually does."""

    requested = 0

    def __enter__(self) -> StopRequest:
        self._usual = _heard()
        _install({number: self._request for number in self._usual})
        return self

    def __exit__(self, *exception: object) -> None:
        _install(self._usual)

    def _request(self, number: int, frame: FrameType | None) -> None:
        self.requested = number
        _install(self._usual)


def _heard() -> dict[int, Any]:
    """What is done now about each signal that is not ignored."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    return {number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}


def _install(handlers: Mapping[int, Callable | int]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    raise SignalExit(number)
