"""Scores over a subset of a net's classes, counted in each of the ways that a paper may have meant.

PASCAL-Context's nets tell 60 classes apart, background among them, and the papers report 59 and 33 without saying what
becomes of the other pixels. There are three ways, and each gives another number:

class_left_out     The other classes are left out of the means, and nothing else: where their pixels are taken for a
                   class of the subset, that counts against it. Only IU can tell this way from the next.
pixels_left_out    Only pixels whose truth is in the subset are looked at. Taking one for a class outside is an error.
never_predicted    As before, and the net must choose within the subset, as one would that knows no other class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fcn_repro.evaluation import metrics
from fcn_repro.model.class_map import label_map

WAYS = {
    "class_left_out": "other pixels count against it",
    "pixels_left_out": "other pixels left out",
    "never_predicted": "other classes never predicted",
}


@dataclass(frozen=True)
class Subset:
    """Some of a net's classes, and what it predicts when it must choose among them."""

    classes: tuple[int, ...]
    hist: np.ndarray  # (C, C) pixels by truth and prediction; rows and columns of other classes are empty


def choose(score: np.ndarray, classes: tuple[int, ...]) -> np.ndarray:
    """The most probable class within a subset: (N, H, W) out of scores (N, C, H, W)."""
    return np.asarray(classes)[label_map(score[:, list(classes)])]


def only(hist: np.ndarray, classes: tuple[int, ...]) -> np.ndarray:
    """A histogram (C, C) without the pixels whose truth is of another class."""
    kept = np.zeros_like(hist)
    kept[list(classes)] = hist[list(classes)]
    return kept


def scores(hist: np.ndarray, subset: Subset) -> dict[str, dict[str, float]]:
    """By way of counting, the four metrics of a subset, 0 to 1; `hist` is that of all the net's classes."""
    return {
        "class_left_out": {name: metric(hist, subset.classes) for name, metric in metrics.METRICS.items()},
        "pixels_left_out": _metrics(only(hist, subset.classes)),
        "never_predicted": _metrics(subset.hist),
    }


def _metrics(hist: np.ndarray) -> dict[str, float]:
    return {name: metric(hist) for name, metric in metrics.METRICS.items()}
