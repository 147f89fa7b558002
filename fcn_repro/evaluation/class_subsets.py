"""Scores over a subset of a net's classes, in each way of counting that a paper may have meant.

PASCAL-Context's nets have 60 classes with background, and the papers report 59 and 33 without a definition of how the
other pixels count. There are three ways, with different results:

class_left_out     The means leave the other classes out. A pixel of another class that is predicted as one of the
                   subset counts as an error. Only IU differs between this way and the next.
pixels_left_out    Only pixels whose truth is in the subset count. Predicting another class there is an error.
never_predicted    As pixels_left_out, and the net must choose within the subset.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fcn_repro.evaluation import metrics
from fcn_repro.model.class_map import argmax_classes

WAYS = {
    "class_left_out": "other pixels count against it",
    "pixels_left_out": "other pixels left out",
    "never_predicted": "other classes never predicted",
}


@dataclass(frozen=True)
class Subset:
    """Some of a net's classes, and its predictions when it must choose among them."""

    classes: tuple[int, ...]
    hist: np.ndarray  # (C, C) pixels by truth and prediction; rows and columns of other classes are empty


def predict_within(score: np.ndarray, classes: tuple[int, ...]) -> np.ndarray:
    """The most probable class within a subset: scores (N, C, H, W) to labels (N, H, W)."""
    return np.asarray(classes)[argmax_classes(score[:, list(classes)])]


def select_truth(hist: np.ndarray, classes: tuple[int, ...]) -> np.ndarray:
    """A histogram (C, C) with only the pixels whose truth is one of the classes."""
    kept = np.zeros_like(hist)
    kept[list(classes)] = hist[list(classes)]
    return kept


def score_subset(hist: np.ndarray, subset: Subset) -> dict[str, dict[str, float]]:
    """The four metrics of a subset, 0 to 1, by way of counting; `hist` (C, C) is that of all the net's classes."""
    return {
        "class_left_out": {name: metric(hist, subset.classes) for name, metric in metrics.METRICS.items()},
        "pixels_left_out": metrics.compute_all(select_truth(hist, subset.classes)),
        "never_predicted": metrics.compute_all(subset.hist),
    }
