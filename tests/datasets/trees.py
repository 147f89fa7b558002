"""Small stand-in trees in the real layouts of VOC and SBD."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.io
from PIL import Image

SIZES = {"2007_000033": (20, 30), "2007_000042": (30, 20), "2007_000061": (25, 25)}  # id: height, width


def picture(item: str) -> np.ndarray:
    """The photograph of an item as the JPEG holds it, (H, W, 3) RGB: smooth, so that JPEG keeps it nearly."""
    height, width = SIZES[item]
    y, x = np.mgrid[:height, :width]
    return np.stack([8 * y, 8 * x, 4 * (x + y)], axis=-1).astype(np.uint8)


def label(item: str, void: bool) -> np.ndarray:
    """The label map of an item: every class in turn, and a frame of void."""
    height, width = SIZES[item]
    label_hw = (np.arange(height * width) % 21).reshape(height, width).astype(np.uint8)
    if void:
        label_hw[0] = 255
    return label_hw


def write_picture(path: Path, item: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(item)).save(str(path), quality=95)


def write_label_png(path: Path, label_hw: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(label_hw)
    image.putpalette([value for value in range(256) for _ in "rgb"])
    image.save(str(path))


def write_label_mat(path: Path, label_hw: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = {"Boundaries": np.zeros((20, 1)), "Segmentation": label_hw, "CategoriesPresent": np.arange(1, 21)}
    scipy.io.savemat(str(path), {"GTcls": fields}, do_compression=True)


def write_list(path: Path, items: list) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{item}\n" for item in items))
