"""The papers' augmentations of images and label maps; all are off by default.

    mirror            False   flip every other item, at random, left to right
    jitter            0       shift by up to this many pixels along each axis, at random; uncovered pixels become the
                              mean, and their labels void
    keep              1.0     keep the labels of this part of the net's cells, drawn per item; void in the others
    cells             (32, 12.5)   stride of these cells, and position of the first one's centre, in pixels
    keep_background   1.0     keep this part of the pixels of class 0, drawn per pixel; void in the others
    mask              ""      "foreground" or "background": replace these pixels by the mean; "both": show only the
                              shape of the foreground, FOREGROUND levels above the mean

Image and label map always shift and flip together. Foreground is every label but 0, including void.

Draws       use the seed and the number of previous items, so the order of the images is the same as without.
Choices     The papers do not define the fill value of masked and uncovered pixels; here it is the mean, zero for the
            net. The papers ignore cells of the final layer; here the pixels nearest to such a cell are ignored.
Source      CVPR 2015, section 4.3 (patch sampling, class balancing, augmentation); PAMI, section 6 (cues)
"""

from __future__ import annotations

from typing import Any, Mapping, Sequence

import numpy as np

from fcn_repro.datasets.data_set import VOID

OFF: Mapping[str, Any] = {
    "mirror": False,
    "jitter": 0,
    "keep": 1.0,
    "cells": (32, 12.5),
    "keep_background": 1.0,
    "mask": "",
}
RANDOM = ("mirror", "jitter", "keep", "keep_background")
MASKS = ("", "foreground", "background", "both")
FOREGROUND = 128.0


class Augmentation:
    """The augmentations that a data layer's options enable.

    Parameters
        options      the layer's options; defaults are off
        top_names    names of the arrays; label maps have "label" in their name
        class_names  in the order of their labels
        training     whether the layer draws at random; otherwise random augmentations are an error
    Raises   ValueError with the option, its value and the expected value
    """

    def __init__(
        self, options: Mapping[str, Any], top_names: Sequence[str], class_names: Sequence[str], training: bool
    ) -> None:
        options = self._options = {**OFF, **options}
        self._is_label = ["label" in name for name in top_names]
        self.is_random = any(options[key] != OFF[key] for key in RANDOM)
        self._check(class_names, training)

    def __call__(self, arrays: Sequence[np.ndarray], draw: Sequence[int] | None) -> Sequence[np.ndarray]:
        """Augment the arrays of one item, (C, H, W) each; the two integers in `draw` seed the random numbers."""
        options = self._options
        if options["mask"]:
            arrays = self._mask(arrays)
        if draw is None:
            return arrays
        random = np.random.RandomState([number % 2**32 for number in draw])
        if options["mirror"] and random.randint(2):
            arrays = [array[..., ::-1] for array in arrays]
        if options["jitter"]:
            down, right = random.randint(-options["jitter"], options["jitter"] + 1, 2)
            arrays = [shift(a, down, right, VOID if is_label else 0) for a, is_label in zip(arrays, self._is_label)]
        if options["keep"] < 1 or options["keep_background"] < 1:
            arrays = [self._drop_labels(a, random) if is_label else a for a, is_label in zip(arrays, self._is_label)]
        return arrays

    def _mask(self, arrays: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        foreground = next(array for array, is_label in zip(arrays, self._is_label) if is_label) != 0
        if self._options["mask"] == "both":
            masked = [np.where(foreground, FOREGROUND, np.zeros_like(array)) for array in arrays]
        else:
            hidden = foreground if self._options["mask"] == "foreground" else ~foreground
            masked = [np.where(hidden, 0, array) for array in arrays]
        return [array if is_label else new for array, new, is_label in zip(arrays, masked, self._is_label)]

    def _drop_labels(self, label: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """A (1, H, W) label map with void in the cells and background pixels that were not drawn."""
        stride, first = self._options["cells"]
        kept = np.ones(label.shape, bool)
        if self._options["keep"] < 1:
            rows, columns = (find_nearest_cells(side, stride, first) for side in label.shape[1:])
            kept_cells = random.random_sample((rows[-1] + 1, columns[-1] + 1)) < self._options["keep"]
            kept &= kept_cells[np.ix_(rows, columns)]
        if self._options["keep_background"] < 1:
            kept &= (label != 0) | (random.random_sample(label.shape) < self._options["keep_background"])
        return np.where(kept, label, np.array(VOID, label.dtype))

    def _check(self, class_names: Sequence[str], training: bool) -> None:
        jitter, keep, keep_background, mask = (
            self._options[key] for key in ("jitter", "keep", "keep_background", "mask")
        )
        without_background = class_names[0] != "background"
        for key, is_wrong, expected in (
            ("jitter", not isinstance(jitter, int) or jitter < 0, "a number of pixels, 0 or more"),
            ("keep", not 0 < keep <= 1, "a part of the cells, above 0 and up to 1"),
            ("keep_background", not 0 <= keep_background <= 1, "a part of the pixels, 0 to 1"),
            ("mask", mask not in MASKS, f"one of {', '.join(map(repr, MASKS))}"),
            ("mask", mask and without_background, f"none, as class 0 is {class_names[0]}"),
            ("keep_background", keep_background != 1 and without_background, f"1, as class 0 is {class_names[0]}"),
        ):
            if is_wrong:
                raise ValueError(f"option {key}: got {self._options[key]!r}; expected {expected}")
        if self.is_random and not training:
            enabled = ", ".join(key for key in RANDOM if self._options[key] != OFF[key])
            raise ValueError(f"option {enabled}: expected only in layers that draw training images at random")


def shift(array: np.ndarray, down: int, right: int, fill: float) -> np.ndarray:
    """Shift a (C, H, W) array by whole pixels, up and left if negative; `fill` enters at the edges."""
    out = np.full_like(array, fill)
    (to_rows, from_rows), (to_columns, from_columns) = map(_overlap, array.shape[1:], (down, right))
    out[:, to_rows, to_columns] = array[:, from_rows, from_columns]
    return out


def _overlap(side: int, move: int) -> tuple[slice, slice]:
    """Target and source of the pixels that stay within an axis."""
    move = max(-side, min(move, side))
    return slice(max(move, 0), side + min(move, 0)), slice(max(-move, 0), side - max(move, 0))


def find_nearest_cells(pixels: int, stride: float, first: float) -> np.ndarray:
    """The index, from 0, of the cell nearest to each pixel of a row: (pixels,)."""
    cells = np.floor((np.arange(pixels) - first) / stride + 0.5).astype(int)
    return np.maximum(cells, 0)
