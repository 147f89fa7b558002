"""A trained net read more densely than it was made: label maps by dilation, and proof that stitching gives the same."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fcn_repro.analysis.interpolation import bilinear
from fcn_repro.model import dilated
from fcn_repro.model.receptive_field import Grid, grids


@dataclass(frozen=True)
class Equality:
    """How far the stitched scores of an image are from those of the dilated net, where both see the image alone."""

    cells: int  # that were compared
    passes: int  # of the net, to stitch
    worst: float  # difference, in standard deviations of the scores


class DenseNet:
    """A trained net up to its scores, at cells `spacing` pixels apart in place of its own stride.

    Parameters
        deploy, layer   its NetParameter, and the layer that scores cells
        weights         its caffemodel
        folder          where the prototxts that are made of it go
    """

    def __init__(self, deploy: Any, layer: str, weights: Path, spacing: int, folder: Path) -> None:
        self.plain, self.pad = dilated.unpadded(dilated.until(deploy, layer))
        self.grid: Grid = grids(self.plain)[layer]
        self.stride, self.spacing = int(self.grid.spacing), spacing
        self._weights, self._folder = weights, folder
        self.net = self._load(dilated.dilated(self.plain, spacing), f"{layer}-{spacing}.prototxt")

    def label_map(self, image: np.ndarray) -> np.ndarray:
        """(H, W) classes of an image, (3, H, W) as the net takes it: the largest of bilinearly interpolated scores."""
        border = self.pad + self.stride  # so that the first cell lies beyond the first pixel
        cells = dilated.scores(self.net, _bordered(image, border))
        first = self.grid.first - border
        rows, columns = ((np.arange(side) - first) / self.spacing for side in image.shape[1:])
        return bilinear(cells, rows, columns).argmax(0)

    def equality(self, image: np.ndarray) -> Equality:
        """Stitch an image in the middle of enough of the mean, and compare."""
        short = self.grid.sees + 4 * self.stride - min(image.shape[1:])
        canvas = _bordered(image, max(self.pad, math.ceil(short / 2)))
        ordinary = self._load(self.plain, "ordinary.prototxt")
        stitched = dilated.shift_and_stitch(ordinary, canvas, self.stride, self.spacing)
        dense = dilated.scores(self.net, canvas)
        rows, columns = (self._inside(side) for side in canvas.shape[1:])
        apart = np.abs(stitched[:, rows, columns] - dense[:, rows, columns])
        worst = float(apart.max() / dense[:, rows, columns].std())
        return Equality(apart[0].size, (self.stride // self.spacing) ** 2, worst)

    def _inside(self, pixels: int) -> slice:
        """The cells along an axis that see nothing beyond it, however the image is shifted."""
        start = self.grid.first - (self.grid.sees - 1) / 2
        first = math.ceil((self.stride - self.spacing - start) / self.spacing)
        last = math.floor((pixels - self.grid.sees - start) / self.spacing)
        return slice(max(first, 0), last + 1)

    def _load(self, net: Any, name: str) -> Any:
        return dilated.load(net, self._folder / name, self._weights)


def _bordered(image: np.ndarray, pixels: int) -> np.ndarray:
    return np.pad(image, ((0, 0), (pixels, pixels), (pixels, pixels)))
