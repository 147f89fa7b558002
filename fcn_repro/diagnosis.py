"""What goes wrong in training FCNs, recognised and explained: the faults that users of other implementations report."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from fcn_repro.engine import caffe
from fcn_repro.heads import Head
from fcn_repro.score import Score

SATURATED = -math.log(np.finfo(np.float32).tiny)  # 87.3: Caffe's loss where the true class has probability zero
PATIENCE = 200  # iterations that a loss may stay at ln(classes)
WINDOW = 50  # iterations that are averaged to compare with it
LARGEST_SUMMED_LR = 1e-7  # beyond any rate that a summed loss was ever trained at; the reference's largest is 1e-10


class Diverged(ValueError):
    """The loss is no number any more, or as large as it can be."""


class LossWatch:
    """Looks at one head's loss per pixel after every iteration.

    Parameters
        head, classes   what the loss compares, and among how many classes
        solver          the SolverParameter that it is trained by
    """

    def __init__(self, head: Head, classes: int, solver: caffe.proto.caffe_pb2.SolverParameter) -> None:
        self._head, self._classes, self._solver = head, classes, solver
        self._recent: deque[float] = deque(maxlen=WINDOW)
        self._seen = 0

    def observe(self, iteration: int, loss_per_pixel: float) -> str | None:
        """Take in the loss of one more iteration; a finding to tell the user, at most once, if it does not fall.

        Raises   Diverged when it is NaN or infinite, or saturated for a while.
        """
        self._recent.append(loss_per_pixel)
        self._seen += 1
        mean = sum(self._recent) / len(self._recent)
        if not math.isfinite(loss_per_pixel):
            raise Diverged(f"{self._head.loss} is {loss_per_pixel} at iteration {iteration}. {self._rate()}")
        if len(self._recent) == WINDOW and mean > 0.9 * SATURATED:
            raise Diverged(
                f"{self._head.loss} is {mean:.1f} per pixel at iteration {iteration}, and it cannot be larger than "
                f"{SATURATED:.1f}: the net is certain and wrong everywhere. {self._rate()}"
            )
        chance = math.log(self._classes)
        if self._seen == PATIENCE and abs(mean - chance) < 0.01 * chance:
            return (
                f"{self._head.loss} is still {mean:.4f} per pixel after {PATIENCE} iterations, and ln({self._classes}) "
                f"= {chance:.4f} is what a net that has learnt nothing loses. Either nothing reaches the score layers "
                f"(are the weights those of this net, and interpolated?) or the rate is too low. {self._rate()}"
            )
        return None

    def _rate(self) -> str:
        """What is unusual, or usual, about the rate for a loss so normalised."""
        lr, momentum = self._solver.base_lr, self._solver.momentum
        if self._head.summed:
            loss, reference = "summed over pixels (normalize: false)", "1e-10, and 100 times less for each skip"
            other = "averaged" if lr > LARGEST_SUMMED_LR else None
        else:
            loss, reference = "averaged over pixels (normalize: true)", "1e-4 with momentum 0.9"
            other = "summed" if lr <= LARGEST_SUMMED_LR else None
        suits = f" That rate suits a loss {other} over pixels." if other else ""
        return f"The loss is {loss}, base_lr {lr:g}, momentum {momentum:g}.{suits} The reference takes {reference}."


def lone_prediction(score: Score) -> str | None:
    """Say so if every pixel of a split was predicted to be of one class."""
    predicted = np.flatnonzero(score.hist.sum(0))
    if len(predicted) != 1:
        return None
    return (
        f"every pixel was predicted to be of class {predicted[0]}: mean IU {score['mean_iu']:.4f} is what that "
        "earns. Early in training this is normal; later, look for layers without weights or a rate that is too low."
    )
