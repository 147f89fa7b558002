"""Where a classifier sees a class: its convolutional form gives a probability map of an image of any size.

Source   CVPR 2015, section 3.1 and figure 2; convnets-keras for concepts as sums over their classes
"""

from __future__ import annotations

from typing import Sequence

import numpy as np
from PIL import Image

from fcn_repro.datasets.preprocessing import to_blob
from fcn_repro.engine import caffe
from fcn_repro.model.receptive_field import Grid

STRENGTH = 0.75  # opacity of the colours at the maximum


def compute_heat_map(
    net: caffe.Net, image: Image.Image, mean_bgr: Sequence[float], classes: Sequence[int]
) -> np.ndarray:
    """Return the summed probability of `classes` in each cell: (h, w), 0-1.

    `net` has the input `data` and the output `prob`, and is reshaped to the image.

    Raises   ValueError for a class that the net does not have
    """
    data = to_blob(np.asarray(image.convert("RGB")), mean_bgr)
    net.blobs["data"].reshape(1, *data.shape)
    net.blobs["data"].data[...] = data
    net.forward()
    prob = net.blobs["prob"].data[0]
    if not 0 <= min(classes) <= max(classes) < len(prob):
        raise ValueError(f"got classes {min(classes)} to {max(classes)}, expected 0 to {len(prob) - 1}")
    return prob[list(classes)].sum(axis=0)


def interpolate_to_pixels(heat: np.ndarray, grid: Grid, hw: Sequence[int]) -> np.ndarray:
    """Resample a map of cells at pixels, (H, W): bilinear between cell centres, constant beyond the outer ones."""
    rows, columns = (_make_weights(cells, grid, pixels) for cells, pixels in zip(heat.shape, hw))
    return rows @ heat @ columns.T


def draw_heat_map(image: Image.Image, heat: np.ndarray) -> Image.Image:
    """Draw a map over the image in grey: transparent at 0, then red and yellow, white at the maximum."""
    image_rgb = np.asarray(image.convert("L").convert("RGB"), float)
    level = (heat / max(heat.max(), np.finfo(float).tiny))[..., np.newaxis]
    colour_rgb = 255 * np.clip(3 * level - [0, 1, 2], 0, 1)
    opacity = STRENGTH * level
    return Image.fromarray(np.round(image_rgb * (1 - opacity) + colour_rgb * opacity).astype(np.uint8))


def _make_weights(cells: int, grid: Grid, pixels: int) -> np.ndarray:
    """Return the weight of each cell at each pixel of a line: (pixels, cells)."""
    centres = grid.offset + grid.stride * np.arange(cells)
    return np.stack([np.interp(np.arange(pixels), centres, cell) for cell in np.eye(cells)], axis=1)
