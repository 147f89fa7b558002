"""The best mean IU that predictions on a coarse grid can reach: label maps made coarser, brought back, and scored.

What "downsampled" and "upsampled" mean is not told in the paper. Each of READINGS is a natural meaning; with a factor
f, cells are squares of f x f pixels from the first pixel on, those at the right and lower edge cut off.

Void     is neither scored nor voted for: before it is made coarser, a void pixel takes the label of the nearest other.
Source   arXiv 1411.4038v2, appendix A
"""

from __future__ import annotations

from typing import Callable, Iterable, Mapping, Sequence

import numpy as np
from scipy import ndimage

from fcn_repro.analysis.interpolation import bilinear
from fcn_repro.evaluation import metrics

FACTORS = (128, 64, 32, 16, 8, 4)


def corner(onehot: np.ndarray, factor: int) -> np.ndarray:
    """A cell has the label of its first pixel, and so have all of its pixels."""
    return _repeated(onehot[:, ::factor, ::factor], factor, onehot.shape)


def centre(onehot: np.ndarray, factor: int) -> np.ndarray:
    """A cell has the label of the pixel in its middle, and so have all of its pixels."""
    rows, columns = (_middles(side, factor) for side in onehot.shape[1:])
    return _repeated(onehot[:, rows][:, :, columns], factor, onehot.shape)


def majority(onehot: np.ndarray, factor: int) -> np.ndarray:
    """A cell has the label of most of its pixels, and so have all of its pixels."""
    return _repeated(_shares(onehot, factor), factor, onehot.shape)


def centre_bilinear(onehot: np.ndarray, factor: int) -> np.ndarray:
    """A cell has the label of its middle pixel; between the cells' middles scores of 0 and 1 are interpolated."""
    rows, columns = (_middles(side, factor) for side in onehot.shape[1:])
    return _interpolated(onehot[:, rows][:, :, columns], factor, onehot.shape)


def area_bilinear(onehot: np.ndarray, factor: int) -> np.ndarray:
    """A cell's scores are the shares of its pixels; between the cells' middles they are interpolated."""
    return _interpolated(_shares(onehot, factor), factor, onehot.shape)


READINGS: Mapping[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "first pixel, repeated": corner,
    "middle pixel, repeated": centre,
    "majority, repeated": majority,
    "middle pixel, bilinear": centre_bilinear,
    "area, bilinear": area_bilinear,
}


def coarse(label_hw: np.ndarray, factor: int, reading: str) -> np.ndarray:
    """A label map without void made coarser by a factor and brought back: (H, W). Of equal scores the lower label."""
    present = np.unique(label_hw)
    onehot = (label_hw == present[:, np.newaxis, np.newaxis]).astype(np.float32)
    return present[READINGS[reading](onehot, factor).argmax(0)]


def filled(label_hw: np.ndarray, void: int | None) -> np.ndarray:
    """A label map whose void pixels have the label of the nearest pixel that has one."""
    hole = label_hw == void
    if void is None or not hole.any() or hole.all():
        return label_hw
    nearest = ndimage.distance_transform_edt(hole, return_distances=False, return_indices=True)
    return label_hw[tuple(nearest)]


def bounds(
    label_maps: Iterable[np.ndarray], classes: int, void: int | None, factors: Sequence[int] = FACTORS
) -> dict[str, dict[int, np.ndarray]]:
    """The histograms, (C, C) of truth and prediction, of every reading and factor over all of some label maps."""
    hists = {reading: {factor: np.zeros((classes,) * 2, np.int64) for factor in factors} for reading in READINGS}
    for label_hw in label_maps:
        full = filled(label_hw, void)
        for reading, by_factor in hists.items():
            for factor, hist in by_factor.items():
                hist += metrics.histogram(label_hw, coarse(full, factor, reading), classes)
    return hists


def _middles(side: int, factor: int) -> np.ndarray:
    """The pixel in the middle of each cell, or the last one there is."""
    return np.minimum(np.arange(0, side, factor) + factor // 2, side - 1)


def _repeated(cells: np.ndarray, factor: int, shape: Sequence[int]) -> np.ndarray:
    return cells.repeat(factor, axis=1).repeat(factor, axis=2)[:, : shape[1], : shape[2]]


def _shares(onehot: np.ndarray, factor: int) -> np.ndarray:
    """The mean over the pixels of each cell; cells that are cut off have fewer."""
    for axis in 1, 2:
        starts = np.arange(0, onehot.shape[axis], factor)
        sums = np.add.reduceat(onehot, starts, axis=axis)
        counts = np.diff(np.append(starts, onehot.shape[axis]))
        onehot = sums / counts.astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
    return onehot


def _interpolated(cells: np.ndarray, factor: int, shape: Sequence[int]) -> np.ndarray:
    """Bilinear between the middles of cells; beyond the outermost ones constant."""
    rows, columns = ((np.arange(side) + 0.5) / factor - 0.5 for side in shape[1:])
    return bilinear(cells, rows, columns)
