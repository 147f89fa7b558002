"""Upper bound of the mean IU on a coarse grid: label maps are downsampled, upsampled and scored.

The paper does not document how it resamples. READINGS are the natural ways; the first, `mean_iu`, comes nearest to the
paper with plain choices: one map of 0 and 1 per class, reduced to round(side / factor) by a bilinear filter that widens
with the factor (antialiased), enlarged bilinearly, and the largest score wins. Those named after it change one choice.
In the others cells are squares of factor x factor pixels from the first pixel on; the last are cut off.

Void     is not scored. Before the reduction it counts as background, or takes the label of the nearest labelled pixel,
         as a reading says.
Source   arXiv 1411.4038v2, appendix A
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Callable, Iterable, Mapping, Sequence

import numpy as np
from scipy import ndimage

from fcn_repro.analysis.interpolation import interpolate_bilinear
from fcn_repro.evaluation import metrics

FACTORS = (128, 64, 32, 16, 8, 4)
BACKGROUND = 0
STUDIED = "mean_iu"  # the reading that stands beside the paper's numbers


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


def antialias(
    onehot: np.ndarray, factor: int, round_up: bool = False, exact: bool = False, mirrored: bool = False
) -> np.ndarray:
    """Reduce scores with an antialiased bilinear filter, and enlarge them bilinearly.

    Parameters
        round_up   round side / factor up, not to the nearest whole number
        exact      cells are as wide as the factor, in both steps; the last may reach beyond the border. Otherwise the
                   cells share the side equally
        mirrored   the image continues mirrored beyond its border. Otherwise the filter has only pixels of the image
    """
    sides = onehot.shape[1:]
    cells = [-(-side // factor) if round_up or exact else max(1, int(side / factor + 0.5)) for side in sides]
    widths = [float(factor) if exact else side / count for side, count in zip(sides, cells)]
    rows, columns = (_make_filter(side, count, width, mirrored) for side, count, width in zip(sides, cells, widths))
    places = ((np.arange(side) + 0.5) / width - 0.5 for side, width in zip(sides, widths))
    return interpolate_bilinear(rows @ onehot @ columns.T, *places)


def fill_void(label_hw: np.ndarray, void: int | None) -> np.ndarray:
    """Return a label map whose void pixels take the label of the nearest labelled pixel."""
    hole = label_hw == void
    if void is None or not hole.any() or hole.all():
        return label_hw
    nearest = ndimage.distance_transform_edt(hole, return_distances=False, return_indices=True)
    return label_hw[tuple(nearest)]


def replace_void(label_hw: np.ndarray, void: int | None) -> np.ndarray:
    """Return a label map whose void pixels are background."""
    return np.where(label_hw == void, BACKGROUND, label_hw)


@dataclass(frozen=True)
class Reading:
    """A way to resample scores of 0 and 1, and to give void pixels a label first."""

    resample: Callable[[np.ndarray, int], np.ndarray]
    label_void: Callable[[np.ndarray, int | None], np.ndarray] = fill_void


READINGS: Mapping[str, Reading] = {
    STUDIED: Reading(antialias, replace_void),
    "sizes rounded up": Reading(partial(antialias, round_up=True), replace_void),
    "exact cells": Reading(partial(antialias, exact=True), replace_void),
    "mirrored border": Reading(partial(antialias, mirrored=True), replace_void),
    "void to nearest": Reading(antialias),
    "first pixel, repeated": Reading(repeat_first),
    "middle pixel, repeated": Reading(repeat_middle),
    "majority, repeated": Reading(repeat_majority),
    "middle pixel, bilinear": Reading(interpolate_middle),
    "area, bilinear": Reading(interpolate_shares),
}


def resample(label_hw: np.ndarray, factor: int, reading: str) -> np.ndarray:
    """Downsample and upsample a label map without void, (H, W). Of equal scores the lower label wins."""
    present = np.unique(label_hw)
    onehot = (label_hw == present[:, np.newaxis, np.newaxis]).astype(np.float32)
    return present[READINGS[reading].resample(onehot, factor).argmax(0)]


def count_confusions(
    label_maps: Iterable[np.ndarray],
    classes: int,
    void: int | None,
    factors: Sequence[int] = FACTORS,
    readings: Iterable[str] = READINGS,
) -> dict[str, dict[int, np.ndarray]]:
    """Count the histograms, (C, C) of truth and prediction, of every reading and factor over label maps."""
    hists = {reading: {factor: np.zeros((classes,) * 2, np.int64) for factor in factors} for reading in readings}
    for label_hw in label_maps:
        full: dict[Callable, np.ndarray] = {}
        for reading, by_factor in hists.items():
            label_void = READINGS[reading].label_void
            if label_void not in full:
                full[label_void] = label_void(label_hw, void)
            for factor, hist in by_factor.items():
                hist += metrics.histogram(label_hw, resample(full[label_void], factor, reading), classes)
    return hists


@lru_cache(maxsize=256)
def _make_filter(pixels: int, cells: int, width: float, mirrored: bool) -> np.ndarray:
    """The weights of pixels in cells, (cells, pixels): triangles of twice a cell's width around its middle."""
    beyond = int(2 * width) + 1 if mirrored else 0
    middles = (np.arange(cells)[:, np.newaxis] + 0.5) * width - 0.5
    weights = np.maximum(0, 1 - abs(np.arange(-beyond, pixels + beyond) - middles) / max(width, 1))
    weights /= weights.sum(axis=1, keepdims=True)
    folded = np.zeros((pixels, cells), np.float32)
    np.add.at(folded, np.pad(np.arange(pixels), beyond, mode="symmetric"), weights.T)
    return folded.T


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
