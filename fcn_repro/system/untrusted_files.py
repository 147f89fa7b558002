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
IMAGE_ERRORS = (
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
def open_image(source: str | Path | IO[bytes], max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """A picture that is open and not yet decoded.

    Raises   Image.DecompressionBombError with more than `max_pixels`; what Pillow raises for a file that is damaged
             or in no format of FORMATS, OSError as a rule
    """
    # Pillow's own limit warns at half its size and cannot be told per picture.
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        _require_few(_webp_size(_head(source)), max_pixels)
        with Image.open(str(source) if isinstance(source, Path) else source, formats=FORMATS) as image:
            _require_few(image.size, max_pixels)
            yield image
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _require_few(size: tuple[int, int], max_pixels: int) -> None:
    if size[0] * size[1] > max_pixels:
        raise Image.DecompressionBombError(f"{size[0]} x {size[1]} pixels; expected at most {max_pixels}")


def _head(source: str | Path | IO[bytes]) -> bytes:
    if isinstance(source, (str, Path)):
        with open(str(source), "rb") as file:
            return file.read(30)
    head = source.read(30)
    source.seek(0)
    return head


def _webp_size(head: bytes) -> tuple[int, int]:
    """Width and height by the first 30 bytes of a WEBP file, as its decoder takes memory for them once it is opened.

    (0, 0) for all other files. Source   RFC 9649, sections 2.5 to 2.7
    """
    kind = head[12:16] if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else b""
    if kind == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if kind == b"VP8 ":
        return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return 0, 0
