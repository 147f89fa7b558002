"""Label maps as images: PASCAL VOC's palette, indexed PNGs, overlays, legends."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fcn_repro.drawing.image_sheet import save_png

BAND = 256  # rows that are blended at a time
LINE = 18  # pixels to a line of a legend


def make_voc_palette() -> np.ndarray:
    """Return the colours of label values 0-255: (256, 3) uint8, channels R G B.

    Bits 0, 1, 2 of a value are the top bits of R, G, B; bits 3, 4, 5 the bits below them. 0 is black,
    15 (person) is (192, 128, 128) and 255 (void) is (224, 224, 192).
    Source   VOC devkit, VOClabelcolormap
    """
    value = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        colours[:, bit % 3] |= ((value >> bit & 1) << (7 - bit // 3)).astype(np.uint8)
    return colours


def make_label_image(label_hw: np.ndarray) -> Image.Image:
    """Return a label map, (H, W) with values 0-255, as an indexed image in VOC's file format."""
    image = Image.fromarray(np.asarray(label_hw, np.uint8))
    image.putpalette(make_voc_palette().tobytes())
    return image


def save_label(path: Path, label_hw: np.ndarray) -> None:
    """Write a label map as an indexed PNG; creates missing folders."""
    save_png(path, make_label_image(label_hw))


def overlay_labels(image: Image.Image, label_hw: np.ndarray, alpha: float = 0.5) -> Image.Image:
    """Return the image with every pixel but background (label 0) blended with its colour by `alpha`."""
    colours, image_rgb = make_voc_palette(), np.array(image.convert("RGB"))
    for top in range(0, len(image_rgb), BAND):
        band, label = image_rgb[top : top + BAND], np.asarray(label_hw[top : top + BAND], np.uint8)
        strength = np.float32(alpha) * (label != 0)[..., None]
        band[...] = np.round(band * (1 - strength) + colours[label] * strength)
    return Image.fromarray(image_rgb)


def draw_legend(class_names: Sequence[str]) -> Image.Image:
    """Draw the classes and their colours, one below the other."""
    names = [f"{label} {name}" for label, name in enumerate(class_names)]
    font = ImageFont.load_default()
    draw = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    width = 2 * LINE + 2 + max(int(draw.textlength(name, font)) for name in names)
    page = Image.new("RGB", (width, LINE * len(names)), (255, 255, 255))
    draw = ImageDraw.Draw(page)
    for label, (name, colour) in enumerate(zip(names, make_voc_palette()[np.arange(len(names)) % 256])):
        top = LINE * label
        draw.rectangle((2, top + 2, LINE + 7, top + LINE - 3), fill=tuple(map(int, colour)), outline=(0, 0, 0))
        draw.text((LINE + 12, top + 2), name, (0, 0, 0), font)
    return page
