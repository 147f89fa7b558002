"""Progress of a long job: a bar on a terminal or in a notebook, a line a minute in a pipe or a file."""

from __future__ import annotations

import importlib
import sys
import threading
import time
from typing import Any, Callable, TextIO

LABEL = 18  # characters of a label that a bar shows, so that the time left fits 60 columns
BAR = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix}"
BAR_S, LINE_S = 0.1, 60.0  # seconds between two reports


def format_duration(seconds: float) -> str:
    """Format seconds as 42s, 3m05s, 2h07m or 3d04h."""
    minutes, s = divmod(int(seconds + 0.5), 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    if days:
        return f"{days}d{h:02}h"
    return f"{h}h{m:02}m" if h else f"{m}m{s:02}s" if m else f"{s}s"


class Progress:
    """Counts steps of work up to `total` and reports them on `stream`, by default stderr.

    A resumed job starts with `done` steps; rate and time left follow from the other steps. The rate is in `unit`, of
    which a step has `each`. A `quiet` one reports nothing. On a terminal the line is
    cut at its end, the note.
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
        self._has_bar = self._stream.isatty() or (stream is None and _in_notebook())
        self._bar: Any = None
        self._quiet = quiet

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.done > self._at_start and not self._quiet:
            self._report()
            if self._bar is not None:
                self._bar.close()

    def advance(self, n: int = 1, note: str = "") -> None:
        """Count `n` more steps; `note` ends the line from now on."""
        self.done += n
        self._note = note or self._note
        if self._clock() - self._reported >= (BAR_S if self._has_bar else LINE_S) and not self._quiet:
            self._report()

    def status(self) -> str:
        """Return the time left, the rate and the note."""
        elapsed, worked = self._clock() - self._started, self.done - self._at_start
        parts = [self._note] * bool(self._note)
        if worked and elapsed:
            left = format_duration(elapsed / worked * (self.total - self.done))
            parts = [f"{left} left", f"{worked * self.each / elapsed:.3g} {self.unit}/s", *parts]
        return ", ".join(parts)

    def _report(self) -> None:
        self._reported = self._clock()
        if not self._has_bar:
            self._stream.write(f"{self.label}: {self.done}/{self.total}, {self.status()}".rstrip(", ") + "\n")
            self._stream.flush()
            return
        if self._bar is None:
            self._bar = _make_bar(self._stream, self.total, self.label)
        self._bar.n = self.done
        self._bar.set_postfix_str(self.status())


def _make_bar(stream: TextIO, total: int, label: str) -> Any:
    """Make a tqdm bar without its monitor thread and its lock between processes: only one thread reports."""
    bar = type("Bar", (_find_tqdm(),), {"monitor_interval": 0, "_lock": threading.RLock()})
    label = label if len(label) <= LABEL else f"{label[: LABEL - 3]}..."
    return bar(total=total, desc=label, file=stream, bar_format=BAR, dynamic_ncols=True)


def _find_tqdm() -> Any:
    """Return tqdm's bar: the notebook's if it has ipywidgets, else the one of text."""
    if _in_notebook():
        notebook: Any = importlib.import_module("tqdm.notebook")

        if notebook.IProgress is not None:
            return notebook.tqdm
    from tqdm.std import tqdm

    return tqdm


def _in_notebook() -> bool:
    """Return whether an IPython kernel runs this process."""
    shell = sys.modules.get("IPython")
    return shell is not None and "IPKernelApp" in getattr(shell.get_ipython(), "config", {})
