"""Label maps as pictures: PASCAL VOC's palette, indexed PNGs, overlays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from fcn_repro.pictures import save


def voc_palette() -> np.ndarray:
    """The colours of label values 0-255: (256, 3) uint8, channels R G B.

    Bits 0, 1, 2 of a value are the top bits of R, G, B; bits 3, 4, 5 the bits below them; and so on. So 0 is black,
    15 (person) is (192, 128, 128), and void, 255, is (224, 224, 192).
    Source   VOC devkit, VOClabelcolormap
    """
    value = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        colours[:, bit % 3] |= ((value >> bit & 1) << (7 - bit // 3)).astype(np.uint8)
    return colours


def label_image(label_hw: np.ndarray) -> Image.Image:
    """A label map, (H, W) with values 0-255, as an indexed image in VOC's own file format."""
    image = Image.fromarray(np.asarray(label_hw, np.uint8))
    image.putpalette(voc_palette().tobytes())
    return image


def save_label(path: Path, label_hw: np.ndarray) -> None:
    """Write a label map as an indexed PNG; missing folders are made."""
    save(path, label_image(label_hw))


def overlay(image: Image.Image, label_hw: np.ndarray, alpha: float = 0.5) -> Image.Image:
    """The image with every pixel that is not background (label 0) tinted in its label's colour, `alpha` strong."""
    image_rgb = np.asarray(image.convert("RGB"), np.float32)
    colour_rgb = voc_palette()[np.asarray(label_hw, np.uint8)]
    strength = alpha * (np.asarray(label_hw) != 0)[..., None]
    return Image.fromarray(np.round(image_rgb * (1 - strength) + colour_rgb * strength).astype(np.uint8))
