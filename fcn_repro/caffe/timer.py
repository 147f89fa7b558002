"""caffe.Timer: a stopwatch that waits for the GPU.

Source   caffe 9b89154 benchmark.cpp
"""

from __future__ import annotations

import time

import torch

from fcn_repro.caffe import mode


class Timer:
    """Measures the time from `start` to `stop`, or to the first read of `ms`."""

    def __init__(self) -> None:
        self._started: float | None = None
        self._elapsed_s = 0.0

    def start(self) -> None:
        """Start the clock; no-op while it runs."""
        if self._started is None:
            self._started = _now()

    def stop(self) -> None:
        """Stop the clock; no-op while it is stopped."""
        if self._started is not None:
            self._elapsed_s = _now() - self._started
            self._started = None

    @property
    def ms(self) -> float:
        """The last measurement in milliseconds, 0 before the first. Reading it stops the clock."""
        self.stop()
        return 1000 * self._elapsed_s


def _now() -> float:
    if mode.device().type == "cuda":
        torch.cuda.synchronize(mode.device())
    return time.perf_counter()
