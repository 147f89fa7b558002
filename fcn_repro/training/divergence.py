"""Detect and explain what goes wrong in training FCNs: NaN, exploding, saturated and stalled losses, dead outputs."""

from __future__ import annotations

import logging
import math
from collections import deque
from typing import Sequence

import numpy as np

from fcn_repro import ranks
from fcn_repro.engine import caffe
from fcn_repro.evaluation.evaluate import Score
from fcn_repro.model.class_map import argmax_classes
from fcn_repro.model.loss_heads import Head

SATURATED = -math.log(np.finfo(np.float32).tiny)  # 87.3: Caffe's loss where the true class has probability zero
PATIENCE = 200  # iterations that a loss may stay at ln(classes)
WINDOW = 50  # iterations of the average that is compared with it
# Losses of a net that is confidently wrong, as multiples of ln(classes): on average, and at a single iteration with at
# least this many nats. Even a single explosion may leave dead units behind a loss that looks normal.
EXPLODED, EXPLODED_ONCE, EXPLODED_NATS = 3, 10, 20
CHECK_EVERY, DEAD_AFTER = 200, 2000  # iterations between two checks of the output, and of one class that are too many
LARGEST_SUMMED_LR = 1e-7  # above every useful rate of a summed loss; the reference's largest is 1e-10

DEAD_CAUSES = (
    "Likely causes: units that died when the loss exploded (a rate too high), layers without weights, "
    "or a rate too low."
)

logger = logging.getLogger(__name__)


class Diverged(ValueError):
    """The loss is NaN, infinite or saturated."""


class LossMonitor:
    """Collects the losses of a net's passes and logs warnings about them.

    Parameters
        name    of the experiment, for messages
        net     the training net; its backward passes record the losses from now on
        heads   of the net
        solver  the SolverParameter of all ranks together
    """

    def __init__(
        self, name: str, net: caffe.Net, heads: Sequence[Head], solver: caffe.proto.caffe_pb2.SolverParameter
    ) -> None:
        self._name, self._net, self._heads = name, net, heads
        self._losses = [LossWatch(head, head.classes(net), solver) for head in heads]
        self._outputs = [OutputWatch(head, solver) for head in heads]
        self._passes: list[list[tuple[float, float]]] = []  # of this iteration: the losses of each head
        last = len(net.layers) - 1
        net.before_backward(lambda layer: self._record_pass() if layer == last else None)

    def read_iteration(self, iteration: int) -> tuple[float, float]:
        """The mean loss over the iteration's passes in all ranks, and the first head's per pixel.

        All ranks must call this.

        Raises   Diverged
        """
        passes = [each for of_rank in ranks.all_gather(self._passes) for each in of_rank]
        losses, per_pixel = np.mean(passes, axis=0).T
        self._passes.clear()
        warnings = [watch.observe(iteration, float(loss)) for watch, loss in zip(self._losses, per_pixel)]
        warnings += [watch.observe(iteration, self._net) for watch in self._outputs]
        for warning in filter(None, warnings):
            logger.warning("%s: %s", self._name, warning)
        return float(losses.sum()), float(per_pixel[0])

    def _record_pass(self) -> None:
        self._passes.append([(head.loss_of(self._net), head.loss_per_pixel(self._net)) for head in self._heads])


class LossWatch:
    """Checks one head's loss per pixel after every iteration.

    Parameters
        head, classes   what the loss compares, and the number of classes
        solver          the SolverParameter that trains it
    """

    def __init__(self, head: Head, classes: int, solver: caffe.proto.caffe_pb2.SolverParameter) -> None:
        self._head, self._classes = head, classes
        self._rate = _explain_rate(head, solver)
        self._recent: deque[float] = deque(maxlen=WINDOW)
        self._seen = 0
        self._exploded = False

    def observe(self, iteration: int, loss_per_pixel: float) -> str | None:
        """Check the loss of an iteration; return a warning, once each, if the loss explodes or does not fall.

        Raises   Diverged if it is NaN or infinite, or stays saturated
        """
        self._recent.append(loss_per_pixel)
        self._seen += 1
        mean = sum(self._recent) / len(self._recent)
        if not math.isfinite(loss_per_pixel):
            raise Diverged(f"{self._head.loss} is {loss_per_pixel} at iteration {iteration}. {self._rate}")
        if len(self._recent) == WINDOW and mean > 0.9 * SATURATED:
            raise Diverged(
                f"{self._head.loss} is {mean:.1f} per pixel at iteration {iteration}, and it cannot be larger than "
                f"{SATURATED:.1f}: the net is confident and wrong everywhere. {self._rate}"
            )
        chance = math.log(self._classes)
        once = loss_per_pixel > max(EXPLODED_ONCE * chance, EXPLODED_NATS)
        if (once or len(self._recent) == WINDOW and mean > EXPLODED * chance) and not self._exploded:
            self._exploded = True
            return (
                f"{self._head.loss} explodes: {loss_per_pixel if once else mean:.4g} per pixel at iteration "
                f"{iteration}; random guessing costs ln({self._classes}) = {chance:.4g}. Even if it falls again, "
                f"units may be dead. {self._rate}"
            )
        if self._seen == PATIENCE and abs(mean - chance) < 0.01 * chance:
            return (
                f"{self._head.loss} is still {mean:.4f} per pixel after {PATIENCE} iterations, and ln({self._classes}) "
                f"= {chance:.4f} is the loss of an untrained net. Either nothing reaches the score layers "
                f"(are the weights those of this net, and interpolated?) or the rate is too low. {self._rate}"
            )
        return None


class OutputWatch:
    """Checks one head's output every `CHECK_EVERY` iterations."""

    def __init__(self, head: Head, solver: caffe.proto.caffe_pb2.SolverParameter) -> None:
        self._head, self._rate = head, _explain_rate(head, solver)
        self._only_class: int | None = None  # the one class predicted everywhere, since iteration `_since`
        self._since = 0

    def observe(self, iteration: int, net: caffe.Net) -> str | None:
        """Check the last forward's output; return a warning, once per class, if it has long been one class."""
        if iteration % CHECK_EVERY:
            return None
        predicted = np.unique(argmax_classes(net.blobs[self._head.score].data))
        only_class = int(predicted[0]) if len(predicted) == 1 else None
        if only_class != self._only_class:
            self._only_class, self._since = only_class, iteration
        if only_class is None or iteration - self._since != DEAD_AFTER:
            return None
        return (
            f"for {DEAD_AFTER} iterations {self._head.score} has been class {only_class} everywhere: the net has "
            f"only learned which class is frequent. {DEAD_CAUSES} {self._rate}"
        )


def _explain_rate(head: Head, solver: caffe.proto.caffe_pb2.SolverParameter) -> str:
    """Compare a learning rate with the reference's for the same normalisation of the loss."""
    lr, momentum = solver.base_lr, solver.momentum
    if head.is_sum:
        loss, reference = "summed over pixels (normalize: false)", "1e-10, and 100 times less for each skip"
        other = "averaged" if lr > LARGEST_SUMMED_LR else None
    else:
        loss, reference = "averaged over pixels (normalize: true)", "1e-4 with momentum 0.9"
        other = "summed" if lr <= LARGEST_SUMMED_LR else None
    suits = f" That rate suits a loss {other} over pixels." if other else ""
    return f"The loss is {loss}, base_lr {lr:g}, momentum {momentum:g}.{suits} The reference uses {reference}."


def check_predictions(score: Score) -> str | None:
    """Return a warning if all pixels of a split were predicted to be one class."""
    predicted = np.flatnonzero(score.hist.sum(0))
    if len(predicted) != 1:
        return None
    return (
        f"every pixel was predicted to be of class {predicted[0]}, which gives a mean IU of {score['mean_iu']:.4f}. "
        f"Early in training this is normal. {DEAD_CAUSES}"
    )
