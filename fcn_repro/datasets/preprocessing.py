"""Images and label maps in the form that nets take."""

from __future__ import annotations

from typing import Sequence

import numpy as np


def to_blob(image_rgb: np.ndarray, mean_bgr: Sequence[float] | np.ndarray) -> np.ndarray:
    """Convert an image, (H, W, 3) uint8 R G B, to (3, H, W) float32 B G R minus the mean.

    The subtraction uses the mean's precision (float64 for Python numbers) and rounds once, as in the reference.
    """
    image_bgr = np.array(image_rgb, dtype=np.float32)[:, :, ::-1]
    image_bgr -= np.array(mean_bgr)
    return image_bgr.transpose(2, 0, 1)


def to_zero_based(label_hw: np.ndarray) -> np.ndarray:
    """Convert labels 1..C with 0 for void to uint8 labels 0..C-1 with 255 for void."""
    return label_hw.astype(np.uint8) - np.uint8(1)
