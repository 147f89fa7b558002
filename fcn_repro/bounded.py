"""Files from strangers: none is read that is larger than it may be, and no picture by a decoder that runs programs.

Files whose size says little of what they hold are bounded where they are read: .mat in datasets/mat_file.py, HDF5 and
Caffe's binary files in caffe/proto, archives in unpack.py.
"""

from __future__ import annotations

import contextlib
import stat
import struct
import zlib
from pathlib import Path
from typing import IO, Iterator

from PIL import Image

MB = 1 << 20
TEXT_BYTES = 16 * MB  # the largest text that is read: prototxts, lists, notes. Those that are known have less than 1 MB
MAX_PIXELS = 178_956_970  # Pillow's own limit: half a gigabyte of R G B
# Of all that Pillow knows: EPS is drawn by Ghostscript, a whole programming language, and few need the others.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

# What Pillow is known to raise over damaged pictures.
DAMAGED = (
    *(OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, OverflowError, MemoryError),
    *(struct.error, zlib.error, Image.DecompressionBombError),
)


def read_bytes(path: str | Path, limit: int = TEXT_BYTES) -> bytes:
    """What a file holds.

    Raises   OSError where it cannot be read, is no plain file, or holds more than `limit` bytes
    """
    if not stat.S_ISREG(Path(path).stat().st_mode):  # opening a pipe would wait, and a device may never end
        raise OSError(f"{path}: no plain file, but a folder, a device or a pipe")
    with open(str(path), "rb") as file:
        found = file.read(limit + 1)
    if len(found) > limit:
        raise OSError(f"{path}: more than {limit} bytes, and nothing of its kind has so many")
    return found


def read_text(path: str | Path, limit: int = TEXT_BYTES) -> str:
    """The text in a file, in UTF-8.

    Raises   as `read_bytes`; UnicodeDecodeError for what is no text
    """
    return read_bytes(path, limit).decode("utf-8")


@contextlib.contextmanager
def picture(source: str | Path | IO[bytes], max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """A picture that is open and not yet decoded.

    Raises   Image.DecompressionBombError with more than `max_pixels`; what Pillow raises for a file that is damaged
             or in no format of FORMATS, OSError as a rule
    """
    # Pillow's own limit warns at half its size and cannot be told per picture.
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with Image.open(str(source) if isinstance(source, Path) else source, formats=FORMATS) as image:
            if image.width * image.height > max_pixels:
                found = f"{image.width} x {image.height} pixels"
                raise Image.DecompressionBombError(f"{found}; expected at most {max_pixels}")
            yield image
    finally:
        Image.MAX_IMAGE_PIXELS = before
