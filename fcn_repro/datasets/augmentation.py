"""What is done to an item between its reading and its serving: the papers' variations, every one off by default.

    mirror            False   every other item, at random, is served with left and right exchanged
    jitter            0       items are moved by up to so many pixels along either axis, at random; what nothing is
                              moved to is the mean, and its labels are ignored
    keep              1.0     labels count only in this part of the net's cells, drawn at random for every item
    cells             (32, 12.5)   pixels between the centres of two such cells, and where the first of them lies
    keep_background   1.0     of the pixels of class 0 only this part counts, drawn at random pixel by pixel
    mask              ""      "foreground" or "background": its pixels are the mean; "both": all there is to see is
                              which pixels are foreground, SHAPE levels above the mean

Image and label are always moved together. Foreground is whatever is not labelled 0, void included.

Draws       from the seed and the count of items before: the order of the images is that without variations.
Choices     The papers do not tell what fills masked and vacated pixels; the mean is zero for the net. The papers ignore
            cells of the final layer; here the pixels that are nearest to such a cell are.
Source      CVPR 2015, section 4.3 (patch sampling, class balancing, augmentation); PAMI, section 6 (cues)
"""

from __future__ import annotations

from typing import Any, Mapping, Sequence

import numpy as np

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
IGNORED = 255  # what every loss here ignores
SHAPE = 128.0


class Variation:
    """The variations that a data layer's options ask for.

    Parameters
        options      the layer's; what they lack is off
        top_names    of the arrays; label maps have "label" in their name
        class_names  in the order of their labels
        training     whether the layer draws at random; otherwise random variations are refused
    Raises   ValueError naming the option, the value found and what was expected
    """

    def __init__(
        self, options: Mapping[str, Any], top_names: Sequence[str], class_names: Sequence[str], training: bool
    ) -> None:
        options = self._options = {**OFF, **options}
        self._labels = ["label" in name for name in top_names]
        fault = self._fault(class_names, training)
        if fault:
            raise ValueError(fault)

    @property
    def is_random(self) -> bool:
        """Whether anything is drawn."""
        return any(self._options[key] != OFF[key] for key in RANDOM)

    def __call__(self, arrays: Sequence[np.ndarray], draw: Sequence[int] | None) -> Sequence[np.ndarray]:
        """The arrays of one item, (C, H, W) each, as they are to be served; `draw`, two numbers, decides all draws."""
        options = self._options
        if options["mask"]:
            arrays = self._masked(arrays)
        if draw is None:
            return arrays
        draws = np.random.RandomState([number % 2**32 for number in draw])
        if options["mirror"] and draws.randint(2):
            arrays = [array[..., ::-1] for array in arrays]
        if options["jitter"]:
            down, right = draws.randint(-options["jitter"], options["jitter"] + 1, 2)
            arrays = [shifted(a, down, right, IGNORED if label else 0) for a, label in zip(arrays, self._labels)]
        if options["keep"] < 1 or options["keep_background"] < 1:
            arrays = [self._thinned(a, draws) if label else a for a, label in zip(arrays, self._labels)]
        return arrays

    def _masked(self, arrays: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        truth = next(array for array, label in zip(arrays, self._labels) if label)
        foreground, mask = truth != 0, self._options["mask"]
        if mask == "both":
            return [a if label else np.where(foreground, SHAPE, np.zeros_like(a)) for a, label in self._told(arrays)]
        hidden = foreground if mask == "foreground" else ~foreground
        return [a if label else np.where(hidden, 0, a) for a, label in self._told(arrays)]

    def _told(self, arrays: Sequence[np.ndarray]) -> Sequence[tuple[np.ndarray, bool]]:
        return list(zip(arrays, self._labels))

    def _thinned(self, label: np.ndarray, draws: np.random.RandomState) -> np.ndarray:
        """A (1, H, W) label map in which what was not drawn is ignored."""
        spacing, first = self._options["cells"]
        counts = np.ones(label.shape, bool)
        if self._options["keep"] < 1:
            rows, columns = (nearest_cells(side, spacing, first) for side in label.shape[1:])
            kept = draws.random_sample((rows[-1] + 1, columns[-1] + 1)) < self._options["keep"]
            counts &= kept[np.ix_(rows, columns)]
        if self._options["keep_background"] < 1:
            counts &= (label != 0) | (draws.random_sample(label.shape) < self._options["keep_background"])
        return np.where(counts, label, np.array(IGNORED, label.dtype))

    def _fault(self, class_names: Sequence[str], training: bool) -> str | None:
        options, has_background = self._options, class_names[0] == "background"
        for key, fits, expected in (
            ("jitter", isinstance(options["jitter"], int) and options["jitter"] >= 0, "pixels, 0 or more"),
            ("keep", 0 < options["keep"] <= 1, "a part of the cells, above 0 and up to 1"),
            ("keep_background", 0 <= options["keep_background"] <= 1, "a part of the pixels, 0 to 1"),
            ("mask", options["mask"] in MASKS, f"one of {', '.join(map(repr, MASKS))}"),
            ("mask", not options["mask"] or has_background, f"none: class 0 is {class_names[0]}"),
            (
                *("keep_background", options["keep_background"] == 1 or has_background),
                f"1, as class 0 is {class_names[0]}",
            ),
        ):
            if not fits:
                return f"option {key} is {options[key]!r}; expected {expected}"
        if self.is_random and not training:
            drawn = ", ".join(key for key in RANDOM if options[key] != OFF[key])
            return f"option {drawn}: for layers that draw training images at random, and this one does not"
        return None


def shifted(array: np.ndarray, down: int, right: int, fill: float) -> np.ndarray:
    """A (C, H, W) array moved by whole pixels, negative ones being up and left; `fill` comes in at the edges."""
    out = np.full_like(array, fill)
    (to_rows, from_rows), (to_columns, from_columns) = map(_overlap, array.shape[1:], (down, right))
    out[:, to_rows, to_columns] = array[:, from_rows, from_columns]
    return out


def _overlap(side: int, move: int) -> tuple[slice, slice]:
    """Where on an axis a moved array ends up, and what of it does."""
    move = max(-side, min(move, side))
    return slice(max(move, 0), side + min(move, 0)), slice(max(-move, 0), side - max(move, 0))


def nearest_cells(pixels: int, spacing: float, first: float) -> np.ndarray:
    """The cell that each pixel of a row is nearest to, from 0 on: (pixels,)."""
    cells = np.floor((np.arange(pixels) - first) / spacing + 0.5).astype(int)
    return np.maximum(cells, 0)
