"""What goes wrong in training FCNs, recognised and explained: the faults that users of other implementations report."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from fcn_repro.engine import caffe
from fcn_repro.evaluation.evaluate import Score
from fcn_repro.model.class_map import label_map
from fcn_repro.model.loss_heads import Head

SATURATED = -math.log(np.finfo(np.float32).tiny)  # 87.3: Caffe's loss where the true class has probability zero
PATIENCE = 200  # iterations that a loss may stay at ln(classes)
WINDOW = 50  # iterations that are averaged to compare with it
# Losses that only a net has that is sure of what is wrong: in times ln(classes), on average and at a single iteration,
# and at least so many nats in one. After a single one, units may be dead, and the loss look sane.
EXPLODED, EXPLODED_ONCE, EXPLODED_NATS = 3, 10, 20
LOOK_EVERY, DEAD_AFTER = 200, 2000  # iterations between two looks at the output, and of one class that are too many
LARGEST_SUMMED_LR = 1e-7  # beyond any rate that a summed loss was ever trained at; the reference's largest is 1e-10


DEAD_CAUSES = (
    "Likely causes: units that died when the loss exploded (a rate too high), layers without weights, "
    "or a rate too low."
)


class Diverged(ValueError):
    """The loss is no number any more, or as large as it can be."""


class LossWatch:
    """Looks at one head's loss per pixel after every iteration.

    Parameters
        head, classes   what the loss compares, and among how many classes
        solver          the SolverParameter that it is trained by
    """

    def __init__(self, head: Head, classes: int, solver: caffe.proto.caffe_pb2.SolverParameter) -> None:
        self._head, self._classes = head, classes
        self._rate = _rate(head, solver)
        self._recent: deque[float] = deque(maxlen=WINDOW)
        self._seen = 0
        self._exploded = False

    def observe(self, iteration: int, loss_per_pixel: float) -> str | None:
        """Take in the loss of one more iteration; a finding, once each, if it explodes or does not fall.

        Raises   Diverged when it is NaN or infinite, or saturated for a while.
        """
        self._recent.append(loss_per_pixel)
        self._seen += 1
        mean = sum(self._recent) / len(self._recent)
        if not math.isfinite(loss_per_pixel):
            raise Diverged(f"{self._head.loss} is {loss_per_pixel} at iteration {iteration}. {self._rate}")
        if len(self._recent) == WINDOW and mean > 0.9 * SATURATED:
            raise Diverged(
                f"{self._head.loss} is {mean:.1f} per pixel at iteration {iteration}, and it cannot be larger than "
                f"{SATURATED:.1f}: the net is certain and wrong everywhere. {self._rate}"
            )
        chance = math.log(self._classes)
        once = loss_per_pixel > max(EXPLODED_ONCE * chance, EXPLODED_NATS)
        if (once or len(self._recent) == WINDOW and mean > EXPLODED * chance) and not self._exploded:
            self._exploded = True
            return (
                f"{self._head.loss} explodes: {loss_per_pixel if once else mean:.4g} per pixel at iteration "
                f"{iteration}, where knowing nothing costs ln({self._classes}) = {chance:.4g}. Even if it falls again, "
                f"units may be dead. {self._rate}"
            )
        if self._seen == PATIENCE and abs(mean - chance) < 0.01 * chance:
            return (
                f"{self._head.loss} is still {mean:.4f} per pixel after {PATIENCE} iterations, and ln({self._classes}) "
                f"= {chance:.4f} is what a net that has learnt nothing loses. Either nothing reaches the score layers "
                f"(are the weights those of this net, and interpolated?) or the rate is too low. {self._rate}"
            )
        return None


class OutputWatch:
    """Looks at one head's output every now and then."""

    def __init__(self, head: Head, solver: caffe.proto.caffe_pb2.SolverParameter) -> None:
        self._head, self._rate = head, _rate(head, solver)
        self._alone: int | None = None  # the one class that was predicted everywhere, since that iteration
        self._since = 0

    def observe(self, iteration: int, net: caffe.Net) -> str | None:
        """Take in the last forward's output; a finding, at most once in a row, if it has long been of one class."""
        if iteration % LOOK_EVERY:
            return None
        predicted = np.unique(label_map(net.blobs[self._head.score].data))
        alone = int(predicted[0]) if len(predicted) == 1 else None
        if alone != self._alone:
            self._alone, self._since = alone, iteration
        if alone is None or iteration - self._since != DEAD_AFTER:
            return None
        return (
            f"for {DEAD_AFTER} iterations {self._head.score} has been of class {alone} everywhere: the net has learnt "
            f"which class is frequent, and nothing of the image. {DEAD_CAUSES} {self._rate}"
        )


def _rate(head: Head, solver: caffe.proto.caffe_pb2.SolverParameter) -> str:
    """What is unusual, or usual, about a rate for a loss so normalised."""
    lr, momentum = solver.base_lr, solver.momentum
    if head.summed:
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
        f"earns. Early in training this is normal. {DEAD_CAUSES}"
    )
