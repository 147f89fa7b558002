"""Upper bound of the mean IU on a coarse grid: label maps are downsampled, upsampled and scored.

The paper does not document how it resamples; READINGS are the natural ways. With a factor f, cells are squares of
f x f pixels from the first pixel on; those at the right and lower edge are cut off.

Void     is not scored and has no vote: void pixels take the label of the nearest labelled pixel first.
Source   arXiv 1411.4038v2, appendix A
"""

from __future__ import annotations

from typing import Callable, Iterable, Mapping, Sequence

import numpy as np
from scipy import ndimage

from fcn_repro.analysis.interpolation import interpolate_bilinear
from fcn_repro.evaluation import metrics

FACTORS = (128, 64, 32, 16, 8, 4)


def repeat_first(onehot: np.ndarray, factor: int) -> np.ndarray:
    """Give all pixels of a cell the label of its first pixel."""
    return _repeated(onehot[:, ::factor, ::factor], factor, onehot.shape)


def repeat_middle(onehot: np.ndarray, factor: int) -> np.ndarray:
    """Give all pixels of a cell the label of its middle pixel."""
    rows, columns = (_middles(side, factor) for side in onehot.shape[1:])
    return _repeated(onehot[:, rows][:, :, columns], factor, onehot.shape)


def repeat_majority(onehot: np.ndarray, factor: int) -> np.ndarray:
    """Give all pixels of a cell its most frequent label."""
    return _repeated(_shares(onehot, factor), factor, onehot.shape)


def interpolate_middle(onehot: np.ndarray, factor: int) -> np.ndarray:
    """Interpolate scores of 0 and 1 between the middle pixels of cells."""
    rows, columns = (_middles(side, factor) for side in onehot.shape[1:])
    return _interpolated(onehot[:, rows][:, :, columns], factor, onehot.shape)


def interpolate_shares(onehot: np.ndarray, factor: int) -> np.ndarray:
    """Interpolate the shares of labels in cells between their middles."""
    return _interpolated(_shares(onehot, factor), factor, onehot.shape)


READINGS: Mapping[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "first pixel, repeated": repeat_first,
    "middle pixel, repeated": repeat_middle,
    "majority, repeated": repeat_majority,
    "middle pixel, bilinear": interpolate_middle,
    "area, bilinear": interpolate_shares,
}


def resample(label_hw: np.ndarray, factor: int, reading: str) -> np.ndarray:
    """Downsample and upsample a label map without void, (H, W). Of equal scores the lower label wins."""
    present = np.unique(label_hw)
    onehot = (label_hw == present[:, np.newaxis, np.newaxis]).astype(np.float32)
    return present[READINGS[reading](onehot, factor).argmax(0)]


def fill_void(label_hw: np.ndarray, void: int | None) -> np.ndarray:
    """Return a label map whose void pixels take the label of the nearest labelled pixel."""
    hole = label_hw == void
    if void is None or not hole.any() or hole.all():
        return label_hw
    nearest = ndimage.distance_transform_edt(hole, return_distances=False, return_indices=True)
    return label_hw[tuple(nearest)]


def count_confusions(
    label_maps: Iterable[np.ndarray], classes: int, void: int | None, factors: Sequence[int] = FACTORS
) -> dict[str, dict[int, np.ndarray]]:
    """Count the histograms, (C, C) of truth and prediction, of every reading and factor over label maps."""
    hists = {reading: {factor: np.zeros((classes,) * 2, np.int64) for factor in factors} for reading in READINGS}
    for label_hw in label_maps:
        full = fill_void(label_hw, void)
        for reading, by_factor in hists.items():
            for factor, hist in by_factor.items():
                hist += metrics.histogram(label_hw, resample(full, factor, reading), classes)
    return hists


def _middles(side: int, factor: int) -> np.ndarray:
    """Return the middle pixel of each cell, or the last pixel."""
    return np.minimum(np.arange(0, side, factor) + factor // 2, side - 1)


def _repeated(cells: np.ndarray, factor: int, shape: Sequence[int]) -> np.ndarray:
    return cells.repeat(factor, axis=1).repeat(factor, axis=2)[:, : shape[1], : shape[2]]


def _shares(onehot: np.ndarray, factor: int) -> np.ndarray:
    """Return the mean over the pixels of each cell."""
    for axis in 1, 2:
        starts = np.arange(0, onehot.shape[axis], factor)
        sums = np.add.reduceat(onehot, starts, axis=axis)
        counts = np.diff(np.append(starts, onehot.shape[axis]))
        onehot = sums / counts.astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
    return onehot


def _interpolated(cells: np.ndarray, factor: int, shape: Sequence[int]) -> np.ndarray:
    """Interpolate between the middles of cells."""
    rows, columns = ((np.arange(side) + 0.5) / factor - 0.5 for side in shape[1:])
    return interpolate_bilinear(cells, rows, columns)
