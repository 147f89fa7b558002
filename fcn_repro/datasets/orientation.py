"""The orientation that EXIF gives an image: a camera stores the sensor's rows, and notes how it was held."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from fcn_repro.system.untrusted_files import IMAGE_ERRORS, open_image

TAG = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # what makes an image of an orientation upright


def make_upright(image: Image.Image) -> Image.Image:
    """Return the image as viewers show it."""
    image.load()  # Pillow itself rotates TIFF files here, and removes their tag
    orientation = find_orientation(image)
    return image.transpose(UPRIGHT[orientation]) if orientation != 1 else image


def find_orientation(image: Image.Image) -> int:
    """Return the orientation, 1 (upright) to 8; 1 without EXIF and with a damaged one, as viewers do."""
    try:
        found = image.getexif().get(TAG, 1)
    except IMAGE_ERRORS:
        return 1
    return found if found in UPRIGHT else 1


def read_orientation(path: Path) -> int:
    """Return the orientation of the image in a file, as `find_orientation` does; 1 for a file that is no image."""
    try:
        with open_image(path) as image:
            return find_orientation(image)
    except IMAGE_ERRORS:
        return 1
