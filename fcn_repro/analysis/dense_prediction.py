"""Dense prediction with a dilated net, and its equality with shift-and-stitch.

Source   arXiv 1411.4038v2, section 3.2
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fcn_repro.analysis.interpolation import interpolate_bilinear
from fcn_repro.model import dilated
from fcn_repro.model.receptive_field import Grid, find_grids


@dataclass(frozen=True)
class StitchDifference:
    """Difference between stitched scores and those of the dilated net, over cells inside the image.

    cells    that were compared
    passes   of the net to stitch
    worst    difference, in standard deviations of the scores
    """

    cells: int
    passes: int
    worst: float


class DenseNet:
    """A trained net up to its scores, dilated to cells `spacing` pixels apart.

    Parameters
        deploy, layer   its NetParameter, and the layer that scores cells
        weights         its caffemodel
        folder          where its prototxts are written
    """

    def __init__(self, deploy: Any, layer: str, weights: Path, spacing: int, folder: Path) -> None:
        self.plain, self.pad = dilated.remove_padding(dilated.truncate(deploy, layer))
        self.grid: Grid = find_grids(self.plain)[layer]
        self.stride, self.spacing = int(self.grid.stride), spacing
        self._weights, self._folder = weights, folder
        self.net = self._load(dilated.dilate(self.plain, spacing), f"{layer}-{spacing}.prototxt")

    def predict_labels(self, image: np.ndarray) -> np.ndarray:
        """Predict the classes, (H, W), of a preprocessed image, (3, H, W): argmax of bilinearly interpolated scores."""
        border = self.pad + self.stride  # the first cell is then outside the image
        cells = dilated.compute_scores(self.net, _add_border(image, border))
        first = self.grid.offset - border
        rows, columns = ((np.arange(side) - first) / self.spacing for side in image.shape[1:])
        return interpolate_bilinear(cells, rows, columns).argmax(0)

    def compare_with_stitching(self, image: np.ndarray) -> StitchDifference:
        """Compare with shift-and-stitch on an image with a border of mean pixels."""
        short = self.grid.receptive_field + 4 * self.stride - min(image.shape[1:])
        canvas = _add_border(image, max(self.pad, math.ceil(short / 2)))
        ordinary = self._load(self.plain, "ordinary.prototxt")
        stitched = dilated.shift_and_stitch(ordinary, canvas, self.stride, self.spacing)
        dense = dilated.compute_scores(self.net, canvas)
        rows, columns = (self._cells_inside(side) for side in canvas.shape[1:])
        apart = np.abs(stitched[:, rows, columns] - dense[:, rows, columns])
        worst = float(apart.max() / dense[:, rows, columns].std())
        return StitchDifference(apart[0].size, (self.stride // self.spacing) ** 2, worst)

    def _cells_inside(self, pixels: int) -> slice:
        """Return the cells along an axis whose receptive field is inside the image at every shift."""
        start = self.grid.offset - (self.grid.receptive_field - 1) / 2
        first = math.ceil((self.stride - self.spacing - start) / self.spacing)
        last = math.floor((pixels - self.grid.receptive_field - start) / self.spacing)
        return slice(max(first, 0), last + 1)

    def _load(self, net: Any, name: str) -> Any:
        return dilated.load(net, self._folder / name, self._weights)


def _add_border(image: np.ndarray, pixels: int) -> np.ndarray:
    return np.pad(image, ((0, 0), (pixels, pixels), (pixels, pixels)))
