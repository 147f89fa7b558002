"""Read images of any mode and format as nets take them: upright, R G B, 8 bits per channel.

Orientation   as EXIF says
Grey          copied to all three channels; 16 bits are divided by 257, so white stays white
Transparent   composed on white
Others        palettes, CMYK, YCbCr, Lab and more by Pillow's conversion
Refused       other formats than those in fcn_repro/system/untrusted_files.py, values without a defined white (32-bit
              floats), several pages or frames, and too many pixels

Training, scoring and inference all read images here, so a net is trained on what it labels later.

Written here, because Pillow's own conversion clips 16 bits, ignores EXIF and shows transparent pixels in their hidden
colours.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from fcn_repro.datasets.file_readers import check_pages, read_error
from fcn_repro.datasets.orientation import find_orientation, make_upright
from fcn_repro.errors import DataError
from fcn_repro.system.untrusted_files import IMAGE_ERRORS, MAX_PIXELS, open_image

WHITE = (255, 255, 255, 255)


def read_photo(path: Path, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Read the image in a file, in the mode RGB.

    Raises   DataError naming the file and what is wrong; images of more than `max_pixels` are not decoded
    """
    try:
        with open_image(path, max_pixels) as image:
            check_pages(image)
            return to_upright_rgb(image)
    except Image.DecompressionBombError as error:
        fix = "Fix: scale it down, or with tools.infer: --max-pixels N"
        raise DataError(f"{path}: {error}. {fix}") from error
    except IMAGE_ERRORS as error:
        raise read_error(path, "image", error) from error


def read_hw(path: Path) -> tuple[int, int]:
    """Return the height and width of an image as `read_photo` returns it; only TIFF files are decoded.

    Raises   DataError for a missing or damaged file
    """
    try:
        with open_image(path) as image:
            if image.format == "TIFF":  # Pillow swaps the sides, some versions when they open the file, others later
                image = make_upright(image)
            width, height = image.size
            return (width, height) if find_orientation(image) > 4 else (height, width)
    except IMAGE_ERRORS as error:
        raise read_error(path, "image", error) from error


def to_upright_rgb(image: Image.Image) -> Image.Image:
    """Convert an image of any mode to the mode RGB, rotated as its EXIF says.

    Raises   ValueError for a mode without a defined white
    """
    image = make_upright(image)
    if image.mode.startswith(("I", "F")):
        image = _to_eight_bits(image)
    if image.mode in ("LA", "PA", "La", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, WHITE), image)
    return image.convert("RGB")


def _to_eight_bits(image: Image.Image) -> Image.Image:
    levels = np.asarray(image)
    if levels.dtype.kind not in "iu" or levels.min() < 0 or levels.max() > 65535:
        found = f"mode {image.mode} with values from {levels.min():g} to {levels.max():g}"
        raise ValueError(f"got {found}, expected 8 or 16 bits")
    return Image.fromarray(((levels.astype(np.uint32) + 128) // 257).astype(np.uint8))
