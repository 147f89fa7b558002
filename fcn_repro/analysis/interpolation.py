"""Bilinear interpolation between cells of a blob."""

from __future__ import annotations

import numpy as np


def interpolate_bilinear(cells: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Interpolate (C, h, w) cells at fractional rows and columns: (C, H, W); constant beyond the outermost cells."""
    for axis, where in (1, rows), (2, columns):
        where = np.clip(where, 0, cells.shape[axis] - 1)
        below = np.floor(where).astype(int)
        above = np.minimum(below + 1, cells.shape[axis] - 1)
        part = (where - below).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        cells = cells.take(below, axis) * (1 - part) + cells.take(above, axis) * part
    return cells
