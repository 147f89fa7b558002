"""One line on the terminal that says how far a long job is and when it will be done."""

from __future__ import annotations

import sys
import time
from typing import Callable, TextIO

WIDTH = 24  # characters in the bar
ON_TERMINAL_S, IN_FILE_S = 0.1, 60.0  # seconds between two reports


def duration(seconds: float) -> str:
    """Seconds as a person says them: 42s, 3m05s, 2h07m, 3d04h."""
    minutes, s = divmod(int(seconds + 0.5), 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    if days:
        return f"{days}d{h:02}h"
    return f"{h}h{m:02}m" if h else f"{m}m{s:02}s" if m else f"{s}s"


class Progress:
    """Counts steps of work up to `total` and reports on stderr: a bar on a terminal, a line a minute elsewhere.

    `done` steps may lie behind at the start (a resumed run); rate and time left come from the others. The rate is in
    units, of which a step has `each`. `quiet` reports nothing.
    """

    def __init__(
        self,
        total: int,
        label: str,
        unit: str = "images",
        done: int = 0,
        each: int = 1,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        quiet: bool = False,
    ) -> None:
        self.total, self.label, self.unit, self.each = total, label, unit, each
        self.done = self._at_start = done
        self._note = ""
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._started = self._reported = clock()
        self._on_terminal = self._stream.isatty()
        self._quiet = quiet

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.done > self._at_start and not self._quiet:
            self._report()
            if self._on_terminal:
                self._stream.write("\n")

    def advance(self, n: int = 1, note: str = "") -> None:
        """Count `n` more steps; `note` is what the line says at its end from now on."""
        self.done += n
        self._note = note or self._note
        waited = self._clock() - self._reported
        if waited >= (ON_TERMINAL_S if self._on_terminal else IN_FILE_S) and not self._quiet:
            self._report()

    def line(self) -> str:
        """What is reported now."""
        elapsed = self._clock() - self._started
        worked = self.done - self._at_start
        filled = min(WIDTH, WIDTH * self.done // max(self.total, 1))
        parts = [f"{self.label} [{'=' * filled}{' ' * (WIDTH - filled)}] {self.done}/{self.total}"]
        if worked and elapsed:
            left = elapsed / worked * (self.total - self.done)
            parts.append(f"{worked * self.each / elapsed:.3g} {self.unit}/s, {duration(left)} left")
        return "  ".join(parts + [self._note] * bool(self._note))

    def _report(self) -> None:
        self._reported = self._clock()
        # A carriage return goes back to the line's start; ESC [K wipes what a longer line left there.
        self._stream.write(f"\r{self.line()}\033[K" if self._on_terminal else f"{self.line()}\n")
        self._stream.flush()
