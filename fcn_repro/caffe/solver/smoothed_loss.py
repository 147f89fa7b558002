"""The loss that Caffe displays.

Source   caffe 9b89154 solver.cpp (UpdateSmoothedLoss)
"""

import numpy as np


class SmoothedLoss:
    """A running mean of the last `window` losses in float32, updated by differences, with the same drift as Caffe's."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._losses: list[float] = []
        self._count = 0
        self.value = np.float32(0)

    def add(self, loss: float) -> None:
        """Add a loss."""
        if len(self._losses) < self._window:
            self._losses.append(loss)
            size = len(self._losses)
            self.value = np.float32((self.value * (size - 1) + loss) / size)
        else:
            slot = self._count % self._window
            self.value += np.float32((loss - self._losses[slot]) / self._window)
            self._losses[slot] = loss
        self._count += 1
