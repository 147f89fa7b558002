"""Photographs as people have them, brought to what the nets take: upright, R G B, 8 bits a channel.

Turned        as the EXIF orientation says
Grey          all three channels alike; 16 bits are divided by 257, so that white stays white
Transparent   laid on white, as a page would show it
Others        palettes, CMYK, YCbCr, Lab and the like by Pillow's own conversion; of several frames the first
Refused       formats that fcn_repro/system/untrusted_files.py does not name, numbers without a known white (32-bit floats), and too
              many pixels
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from fcn_repro.datasets.file_readers import DAMAGED_IMAGE, read_error
from fcn_repro.errors import DataError
from fcn_repro.system.untrusted_files import MAX_PIXELS, open_image

WHITE = (255, 255, 255, 255)


def read_photograph(path: Path, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The picture in a file, in the mode RGB.

    Raises   DataError naming the file and what is wrong with it; with more than `max_pixels`, before it is decoded
    """
    try:
        with open_image(path, max_pixels) as image:
            return upright_rgb(image)
    except Image.DecompressionBombError as error:
        raise DataError(f"{path}: {error}. For more: --max-pixels N") from error
    except DAMAGED_IMAGE as error:
        raise read_error(path, "photograph", error) from error


def upright_rgb(image: Image.Image) -> Image.Image:
    """A picture of any mode in the mode RGB, turned as its EXIF says.

    Raises   ValueError for a mode without a known white
    """
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image)
    if image.mode in ("LA", "PA", "La", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, WHITE), image)
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    levels = np.asarray(image)
    if levels.dtype.kind not in "iu" or levels.min() < 0 or levels.max() > 65535:
        raise ValueError(f"mode {image.mode}, values from {levels.min():g} to {levels.max():g}; expected 8 or 16 bits")
    return Image.fromarray(((levels.astype(np.uint32) + 128) // 257).astype(np.uint8))
