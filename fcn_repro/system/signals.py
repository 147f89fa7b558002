"""SIGINT (Ctrl-C), SIGTERM and SIGHUP (a lost terminal) as requests that take effect between two steps.

A signal that was ignored when the program started stays ignored: SIGHUP under nohup, SIGINT in a background job.
Python delivers signals to the main thread, so enter these contexts there.
"""

from __future__ import annotations

import contextlib
import signal
from types import FrameType
from typing import Any, Callable, Iterator, Mapping

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class JobInterrupted(Exception):
    """A job stopped on the signal `number` and kept everything; the message says how to resume it."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


class SignalExit(KeyboardInterrupt):
    """The program ends at once on the signal `number`."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number


def signal_number(interrupt: KeyboardInterrupt) -> int:
    """Return the signal behind an exception."""
    return interrupt.number if isinstance(interrupt, SignalExit) else signal.SIGINT


@contextlib.contextmanager
def raise_on_signal() -> Iterator[None]:
    """Raise SignalExit on a signal while the block runs, so that unfinished files are removed on the way out."""
    previous = _read_handlers()
    _install({number: _raise for number in previous})
    try:
        yield
    finally:
        _install(previous)


class StopRequest:
    """A context in which the first signal only sets `requested` to its number; a second has its usual effect."""

    requested = 0

    def __enter__(self) -> StopRequest:
        self._previous = _read_handlers()
        _install({number: self._request for number in self._previous})
        return self

    def __exit__(self, *exception: object) -> None:
        _install(self._previous)

    def _request(self, number: int, frame: FrameType | None) -> None:
        self.requested = number
        _install(self._previous)


def _read_handlers() -> dict[int, Any]:
    """Return the current handlers of the signals that are not ignored."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    return {number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}


def _install(handlers: Mapping[int, Callable | int]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _raise(number: int, frame: FrameType | None) -> None:
    raise SignalExit(number)
