"""From scores to label maps."""

from __future__ import annotations

import numpy as np


def label_map(scores: np.ndarray) -> np.ndarray:
    """The class of the highest score of every pixel: (N, C, H, W) becomes (N, H, W) integers.

    The same as `scores.argmax(1)`, the lowest of equals and the first NaN included, several times faster: numpy
    walks along each pixel's classes, which lie a whole map apart in memory; this walks along the maps.
    """
    best = scores[:, 0].copy()
    label = np.zeros(best.shape, np.min_scalar_type(scores.shape[1] - 1))
    higher = np.empty(best.shape, bool)
    for number in range(1, scores.shape[1]):
        np.greater(scores[:, number], best, out=higher)
        np.maximum(label, higher.view(np.uint8) * label.dtype.type(number), out=label)  # numbers only rise
        np.maximum(best, scores[:, number], out=best)
    return scores.argmax(1) if np.isnan(best).any() else label.astype(np.intp)
