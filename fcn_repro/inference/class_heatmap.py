"""Where a classifier sees a class: its convolutional form, run on an image of any size, gives a map of probabilities.

Source   CVPR 2015, section 3.1 and figure 2; convnets-keras for concepts as sums over their classes
"""

from __future__ import annotations

from typing import Sequence

import numpy as np
from PIL import Image

from fcn_repro.datasets.base import to_blob
from fcn_repro.engine import caffe
from fcn_repro.model.receptive_field import Grid

STRENGTH = 0.75  # of the colour where the map is brightest


def heat_map(net: caffe.Net, image: Image.Image, mean_bgr: Sequence[float], classes: Sequence[int]) -> np.ndarray:
    """The probability, in each cell, that it shows one of some classes: (h, w), 0-1.

    `net` reads `data` and writes `prob`, and is reshaped to the image.

    Raises   ValueError for a class that the net does not know
    """
    data = to_blob(np.asarray(image.convert("RGB")), mean_bgr)
    net.blobs["data"].reshape(1, *data.shape)
    net.blobs["data"].data[...] = data
    net.forward()
    prob = net.blobs["prob"].data[0]
    if not 0 <= min(classes) <= max(classes) < len(prob):
        raise ValueError(f"classes {min(classes)} to {max(classes)}; the net has {len(prob)}, 0 to {len(prob) - 1}")
    return prob[list(classes)].sum(axis=0)


def at_pixels(heat: np.ndarray, grid: Grid, hw: Sequence[int]) -> np.ndarray:
    """A map of cells brought to pixels, (H, W): bilinear between the centres of cells, level beyond the outer ones."""
    rows, columns = (_interpolation(cells, grid, pixels) for cells, pixels in zip(heat.shape, hw))
    return rows @ heat @ columns.T


def picture(image: Image.Image, heat: np.ndarray) -> Image.Image:
    """The image in grey under the colours of a map of its size: from none over red and yellow to white at the peak."""
    image_rgb = np.asarray(image.convert("L").convert("RGB"), float)
    level = (heat / max(heat.max(), np.finfo(float).tiny))[..., np.newaxis]
    glow_rgb = 255 * np.clip(3 * level - [0, 1, 2], 0, 1)
    strength = STRENGTH * level
    return Image.fromarray(np.round(image_rgb * (1 - strength) + glow_rgb * strength).astype(np.uint8))


def _interpolation(cells: int, grid: Grid, pixels: int) -> np.ndarray:
    """What each pixel of a line takes of each cell: (pixels, cells)."""
    centres = grid.first + grid.spacing * np.arange(cells)
    return np.stack([np.interp(np.arange(pixels), centres, cell) for cell in np.eye(cells)], axis=1)
