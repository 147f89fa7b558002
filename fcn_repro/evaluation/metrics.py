"""The paper's four metrics, over one histogram of (truth, prediction) pixels.

With n_ij the pixels of class i predicted to be class j and t_i = sum_j n_ij, a histogram is hist[i, j] = n_ij,
a (C, C) array of counts. Void pixels (truth 255) are in no histogram.

A class that never occurs in the truth has no accuracy, and the paper's means leave it out. The reference's own script
leaves it out of mean IU only if it is never predicted either, and counts zero otherwise: `mean_iu_reference`. The two
differ only on SIFT Flow, whose test split lacks three of the 33 classes; the reference documents that difference.

Every metric also exists over some of the classes; `fcn_repro.evaluation.class_subsets` defines how the others count.

Source   CVPR 2015, section 5, Metrics; reference 1305c73, score.py
"""

from __future__ import annotations

from typing import Sequence

import numpy as np


def histogram(truth: np.ndarray, prediction: np.ndarray, classes: int) -> np.ndarray:
    """Count pixels by (truth, prediction): (C, C) int64 from two label maps of one shape.

    Truth outside 0..C-1 is void and dropped.

    Raises   ValueError if the shapes differ, or a scored prediction is not a class
    """
    if truth.shape != prediction.shape:
        raise ValueError(f"truth has shape {truth.shape} and prediction {prediction.shape}; expected one shape")
    scored = (truth >= 0) & (truth < classes)
    t, p = truth[scored].astype(np.int64), prediction[scored].astype(np.int64)
    if p.size and not 0 <= p.min() <= p.max() < classes:
        raise ValueError(f"predictions range over {p.min()}..{p.max()}; expected classes 0..{classes - 1}")
    return np.bincount(classes * t + p, minlength=classes**2).reshape(classes, classes)


def class_accuracy(hist: np.ndarray) -> np.ndarray:
    """n_ii / t_i per class, (C,); NaN where the truth lacks the class."""
    return _divide(np.diag(hist), hist.sum(1))


def class_iu(hist: np.ndarray) -> np.ndarray:
    """Intersection over union, n_ii / (t_i + sum_j n_ji - n_ii), per class, (C,); NaN where neither map has it."""
    intersection = np.diag(hist)
    return _divide(intersection, hist.sum(1) + hist.sum(0) - intersection)


def pixel_accuracy(hist: np.ndarray, classes: Sequence[int] | None = None) -> float:
    """Fraction of correct pixels, of all or of those whose truth is in `classes`, 0 to 1."""
    return float(_divide(_select(np.diag(hist), classes).sum(), _select(hist.sum(1), classes).sum()))


def mean_accuracy(hist: np.ndarray, classes: Sequence[int] | None = None) -> float:
    """Accuracy averaged over the classes of the truth, or those among `classes`, 0 to 1."""
    return _mean(_select(class_accuracy(hist), classes))


def mean_iu(hist: np.ndarray, classes: Sequence[int] | None = None) -> float:
    """IU averaged over the classes of the truth, or those among `classes`, 0 to 1: the paper's mean IU."""
    return _mean(_select(np.where(hist.sum(1) > 0, class_iu(hist), np.nan), classes))


def fw_iu(hist: np.ndarray, classes: Sequence[int] | None = None) -> float:
    """Frequency-weighted IU, sum of t_i * IU_i over the number of pixels, all or those of `classes`, 0 to 1."""
    pixels = hist.sum(1)
    weighted = np.where(pixels > 0, pixels * class_iu(hist), 0)
    return float(_divide(_select(weighted, classes).sum(), _select(pixels, classes).sum()))


def mean_iu_reference(hist: np.ndarray) -> float:
    """IU averaged as in the reference's script: a class predicted but absent from the truth counts as zero."""
    return _mean(class_iu(hist))


def _select(values: np.ndarray, classes: Sequence[int] | None) -> np.ndarray:
    return values if classes is None else values[list(classes)]


def _divide(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN on purpose
        return np.true_divide(part, whole)


def _mean(values: np.ndarray) -> float:
    """The mean of the values that are not NaN; NaN if all are."""
    numbers = values[~np.isnan(values)]
    return float(numbers.mean()) if numbers.size else float("nan")


METRICS = {
    "pixel_accuracy": pixel_accuracy,
    "mean_accuracy": mean_accuracy,
    "mean_iu": mean_iu,
    "fw_iu": fw_iu,
}


def compute_all(hist: np.ndarray) -> dict[str, float]:
    """The four metrics by name."""
    return {name: metric(hist) for name, metric in METRICS.items()}
