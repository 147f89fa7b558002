"""Pixels of image files, as the libraries of Caffe read them.

Data layers read 8 bits per channel with OpenCV; caffe.io reads any numbers with scikit-image.

Source   caffe 9b89154 io.cpp (ReadImageToCVMat, DecodeDatumToCVMat, CVMatToDatum); OpenCV's imread: 16 bits become 8 by
         their upper byte, a JPEG is turned upright by its EXIF orientation, and a TIFF's alpha is multiplied in
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from fcn_repro.system import untrusted_files

_TIFF_BITS, _TIFF_FORMAT = 258, 339  # tags: bits per sample, and sample format (1 unsigned, 2 signed)


def decode(encoded: bytes | Path, color: bool | None) -> np.ndarray:
    """Decode an image file to uint8 (C, H, W), channels B G R.

    `color` True gives three channels, False one. None keeps the file's: one, three, or four with alpha; it ignores EXIF
    and refuses 16 bits, as Caffe does for an encoded Datum.

    Raises   OSError for a damaged file, too many pixels, numbers that do not fit 8 bits (32 bits, floats), or a format
             that untrusted_files does not open
    Differs  JPEG pixels may differ from OpenCV's by a level or two
    """
    try:
        with untrusted_files.open_image(io.BytesIO(encoded) if isinstance(encoded, bytes) else encoded) as image:
            return _decode_image(image if color is None else _make_upright(image), color)
    except untrusted_files.IMAGE_ERRORS as error:
        raise OSError(f"damaged or not an image ({type(error).__name__}: {error})") from error


def read_numbers(image: Image.Image) -> np.ndarray:
    """Return the pixels of an image: (H, W) or (H, W, 3), in the file's type.

    uint8, uint16, int16, uint32, int32 or float32. Colours are R G B; alpha is dropped.
    """
    if image.mode == "F":
        return np.asarray(image, np.float32)
    if image.mode.startswith("I"):
        return np.asarray(image).astype(_integer_type(image))
    return np.asarray(image.convert("L" if image.mode in ("1", "L", "LA") else "RGB"))


def _decode_image(image: Image.Image, color: bool | None) -> np.ndarray:
    if color is None and any(";16" in str(tile) for tile in getattr(image, "tile", ())):
        raise ValueError("got 16 bits per channel, expected 8: Image data type must be unsigned byte")
    if image.mode == "F" or image.mode.startswith("I"):
        numbers = read_numbers(image)
        if numbers.dtype.itemsize > 2 or color is None:
            raise ValueError(
                f"got {numbers.dtype} pixels, expected 8 bits. Fix: save the image with 8 bits per channel"
            )
        grey = (numbers.view(np.uint16) >> 8).astype(np.uint8)
        return np.repeat(grey[None], 3 if color else 1, axis=0)
    if color is None:
        return _to_planes(_to_bytes(image, _own_mode(image)))
    if image.format == "TIFF" and image.mode == "RGBA":
        image = Image.fromarray(_to_bytes(image, "RGBA")[..., :3])
    return _to_planes(_to_bytes(image, "RGB" if color else "L"))


def _own_mode(image: Image.Image) -> str:
    has_alpha = image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info
    return "RGBA" if has_alpha else "L" if image.mode in ("1", "L") else "RGB"


def _to_bytes(image: Image.Image, mode: str) -> np.ndarray:
    pixels = np.asarray(image.convert(mode))
    if mode != "RGBA" or image.format != "TIFF":
        return pixels
    alpha = pixels[..., 3:].astype(int)  # libtiff multiplies it in
    return np.concatenate([(pixels[..., :3] * alpha + 127) // 255, alpha], axis=2).astype(np.uint8)


def _to_planes(pixels: np.ndarray) -> np.ndarray:
    """Convert (H, W) or (H, W, R G B [A]) to (C, H, W), B G R [A]."""
    if pixels.ndim == 2:
        return pixels[None]
    return pixels[:, :, [2, 1, 0, 3][: pixels.shape[2]]].transpose(2, 0, 1)


def _make_upright(image: Image.Image) -> Image.Image:
    """Turn a JPEG as its EXIF says; a damaged EXIF says nothing."""
    if image.format != "JPEG":
        return image
    try:
        return ImageOps.exif_transpose(image)
    except untrusted_files.IMAGE_ERRORS:
        return image


def _integer_type(image: Image.Image) -> str:
    """Return the type of a grey image's integers; Pillow holds PNG and PGM of 16 bits in 32."""
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(_TIFF_BITS, (16,))[0]
    signed = image.format == "TIFF" and tags.get(_TIFF_FORMAT, (1,))[0] == 2
    return f"{'int' if signed else 'uint'}{bits if bits in (16, 32) else 16}"
