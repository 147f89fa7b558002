"""Label maps from scores."""

from __future__ import annotations

import numpy as np


def argmax_classes(scores: np.ndarray) -> np.ndarray:
    """Return the class of the highest score of every pixel: (N, C, H, W) to (N, H, W) integers.

    Equals `scores.argmax(1)`, including the lowest of equal scores and the first NaN, and is several times faster:
    numpy strides over whole planes for every pixel, and this reads one plane after another.
    """
    best = scores[:, 0].copy()
    label = np.zeros(best.shape, np.min_scalar_type(scores.shape[1] - 1))
    higher = np.empty(best.shape, bool)
    for number in range(1, scores.shape[1]):
        np.greater(scores[:, number], best, out=higher)
        np.maximum(label, higher.view(np.uint8) * label.dtype.type(number), out=label)  # numbers only rise
        np.maximum(best, scores[:, number], out=best)
    return scores.argmax(1) if np.isnan(best).any() else label.astype(np.intp)
