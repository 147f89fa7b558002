"""Untrusted files: size limits for every read, and image decoders that run no programs.

Formats whose file size says little about their content are limited where they are read: .mat in
datasets/mat_file.py, HDF5 and Caffe's binary files in caffe/proto, archives in datasets/download/unpack.py.
"""

from __future__ import annotations

import contextlib
import stat
import struct
import zlib
from pathlib import Path
from typing import IO, Iterator

from PIL import Image

TEXT_BYTES = 16_000_000  # of the largest text that is read: prototxts and lists; the known ones have less than 1 MB
MAX_PIXELS = 178_956_970  # Pillow's own limit: half a gigabyte of R G B
# Of Pillow's formats these are decoded. Ghostscript, a programming language, would draw EPS; few need the others.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
HEAD_BYTES = 30  # the first bytes, by which decoders know their format, and that hold the size of a WEBP

# What Pillow raises for damaged images.
IMAGE_ERRORS = (
    *(OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, OverflowError, MemoryError),
    *(struct.error, zlib.error, Image.DecompressionBombError),
)


def read_bytes(path: str | Path, limit: int = TEXT_BYTES) -> bytes:
    """Read a whole file.

    Raises   OSError if the path is no regular file, is unreadable, or holds more than `limit` bytes
    """
    if not stat.S_ISREG(Path(path).stat().st_mode):  # opening a pipe waits, and a device may never end
        raise OSError(f"{path}: got a folder, a device or a pipe, expected a regular file")
    with open(str(path), "rb") as file:
        found = file.read(limit + 1)
    if len(found) > limit:
        raise OSError(f"{path}: got more than {limit} bytes, the limit for files of this kind")
    return found


def read_text(path: str | Path, limit: int = TEXT_BYTES) -> str:
    """Read a whole UTF-8 file.

    Raises   as `read_bytes`; UnicodeDecodeError for other bytes than UTF-8
    """
    return read_bytes(path, limit).decode("utf-8")


@contextlib.contextmanager
def open_image(source: str | Path | IO[bytes], max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """Open an image without decoding its pixels.

    Raises   Image.DecompressionBombError for more than `max_pixels`; OSError, or another of IMAGE_ERRORS, for a file
             that is damaged or in no format of FORMATS
    """
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(open(str(source), "rb")) if isinstance(source, (str, Path)) else source
        head = file.read(HEAD_BYTES)
        _check_size(_read_webp_size(head), max_pixels)
        image = stack.enter_context(_identify(file, head))
        _check_size(image.size, max_pixels)
        yield image


def _identify(file: IO[bytes], head: bytes) -> Image.Image:
    """Return a file's image by the first decoder of FORMATS that takes it.

    Image.open does the same and then checks Pillow's own limit, which is one setting for all threads and cannot be
    raised for a single image.
    """
    if not Image.OPEN.keys() >= set(FORMATS):
        Image.init()  # registers Pillow's decoders
    for name in FORMATS:
        with contextlib.suppress(SyntaxError, IndexError, TypeError, struct.error, KeyError):
            decode, is_accepted = Image.OPEN[name]
            if not is_accepted or is_accepted(head) is True:
                file.seek(0)
                return decode(file, "")
    raise Image.UnidentifiedImageError(f"expected one of the formats {', '.join(FORMATS)}")


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    if size[0] * size[1] > max_pixels:
        raise Image.DecompressionBombError(f"got {size[0]} x {size[1]} pixels, expected at most {max_pixels}")


def _read_webp_size(head: bytes) -> tuple[int, int]:
    """Return width and height from the first HEAD_BYTES of a WEBP file; (0, 0) for other files.

    Pillow's WEBP decoder allocates its pixels as soon as it opens a file, so the size is needed earlier.

    Source   RFC 9649, sections 2.5 to 2.7
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
