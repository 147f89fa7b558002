"""Readers of a data set's files: lists, images, label maps, depth.

Pillow and scipy decode; this module adds what they lack. It limits the size of untrusted files, maps their many
exceptions to one, and checks modes, sizes and values. Every function raises DataError: the file, what it got, what it
expected.
"""

from __future__ import annotations

import json
import os
import re
import struct
import zlib
from pathlib import Path
from typing import Any, Sequence

import numpy as np
from PIL import Image
from scipy.io.matlab import MatReadError

from fcn_repro.datasets import mat_file
from fcn_repro.datasets.orientation import make_upright
from fcn_repro.errors import DataError
from fcn_repro.system import untrusted_files


class UnknownLabels(DataError):
    """A label map holds values of no class, `values`; `present` lists all that it holds."""

    def __init__(self, message: str, values: Sequence[int], present: Sequence[int] = ()) -> None:
        super().__init__(message)
        self.values, self.present = tuple(values), tuple(present)


# Exceptions of Pillow and scipy for damaged files.
DAMAGED_IMAGE = untrusted_files.IMAGE_ERRORS
BYTE_ORDER_MARK = "\ufeff"
NEW_SUBFILE_TYPE = 254  # TIFF's tag
DAMAGED_MAT = (
    *(OSError, ValueError, TypeError, KeyError, IndexError, EOFError, NotImplementedError, ArithmeticError),
    *(MemoryError, UnicodeDecodeError, struct.error, zlib.error, MatReadError),
)


def read_list(path: Path) -> tuple[str, ...]:
    """Read the ids of a split's list, one a line. An id is a relative path; it must not leave its folder.

    A line in double quotes is a JSON string: `format_id` writes names so that blanks at their ends, line breaks and the
    like would change.
    """
    ids = []
    for line in read_lines(path, "split list", "one image id a line"):
        item = unquote(line)
        if not is_inside(item) or (item == line and not (item.isprintable() and "\\" not in item)):
            raise DataError(f"{path}: the id {line!r} leaves its folder; expected a name, as 2007_000033 or train/17")
        ids.append(item)
    return tuple(ids)


def format_id(item: str) -> str:
    """Return the line of a list that `read_list` reads as this id."""
    is_plain = item == item.strip() and item.isprintable() and not item.startswith('"') and "\\" not in item
    return item if is_plain else json.dumps(item)


def read_lines(path: Path, what: str, form: str) -> tuple[str, ...]:
    """Read the stripped, non-empty lines of a file; `what` and `form` describe it in errors."""
    found = tuple(text for _, text in split_lines(path, what) if text)
    if not found:
        raise DataError(f"{path}: empty; expected a {what}, {form}")
    return found


def split_lines(path: Path, what: str) -> list[tuple[int, str]]:
    """Read all lines of a UTF-8 file, with or without a byte order mark: their numbers from 1, and stripped texts."""
    try:
        text = untrusted_files.read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise read_error(path, what, error) from error
    lines = re.split("\r\n|\r|\n", text.replace(BYTE_ORDER_MARK, "", 1) if text[:1] == BYTE_ORDER_MARK else text)
    return [(number, line.strip()) for number, line in enumerate(lines, start=1)]


def is_inside(name: str) -> bool:
    """Whether a relative path stays in its folder, and can be a path at all."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:  # half of a pair of surrogates
        return False
    return not {"", ".", ".."} & set(name.split("/")) and "\0" not in name and (os.sep == "/" or "\\" not in name)


def unquote(line: str) -> str:
    """Return the text of a JSON string; the line itself if it is none."""
    if not line.startswith('"'):
        return line
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return line
    return found if isinstance(found, str) else line


def read_rgb(path: Path) -> np.ndarray:
    """Read an image of mode RGB: (H, W, 3) uint8."""
    image, mode = _read_image(path)
    if mode != "RGB":
        raise DataError(f"{path}: got an image of mode {mode}; expected RGB, three channels of 8 bits")
    return image


def read_colours(path: Path) -> np.ndarray:
    """Read the colours of a label map of any 8-bit mode: (H, W, 3) uint8, R G B. Transparency is ignored."""
    try:
        with untrusted_files.open_image(path) as image:
            check_pages(image)
            return np.array(make_upright(image).convert("RGB"))
    except DAMAGED_IMAGE as error:
        raise read_error(path, "image", error) from error


def read_indexed(path: Path) -> np.ndarray:
    """Read a label map stored as palette indices or grey levels of 1 to 32 bits: (H, W) integers, mostly uint8."""
    label, mode = _read_image(path)
    if mode not in ("P", "L", "1") and not mode.startswith("I"):
        raise DataError(f"{path}: got a label map of mode {mode}; expected class indices (mode P or L), not colours")
    return label.astype(np.uint8) if mode == "1" else label


def read_depth(path: Path) -> np.ndarray:
    """Read a depth image of one channel: (H, W), integers of up to 16 or 32 bits."""
    depth, mode = _read_image(path)
    if depth.ndim != 2 or mode in ("P", "1"):
        raise DataError(f"{path}: got an image of mode {mode}; expected depth, one channel of integers")
    return depth


def read_mat(path: Path, *fields: str) -> np.ndarray:
    """Read a variable of a .mat file, or a field of a struct in it: a two-dimensional array, (H, W)."""
    try:
        value: Any = mat_file.load(path, fields[0])
    except DAMAGED_MAT as error:
        raise read_error(path, ".mat file", error) from error
    for depth, field in enumerate(fields):
        wanted = ".".join(fields[: depth + 1])
        present = [name for name in _list_fields(value) if not name.startswith("__")]
        if field not in present:
            raise DataError(f"{path}: no field {wanted}; got {', '.join(present) or 'no fields'}")
        value = value[field]
        if depth:
            if not value.size:
                raise DataError(f"{path}: {'.'.join(fields[:depth])}: got an empty struct array; expected one struct")
            value = value.flat[0]
    if not (isinstance(value, np.ndarray) and value.ndim == 2 and value.dtype.kind in "uif"):
        found = getattr(value, "dtype", type(value).__name__), getattr(value, "shape", ())
        raise DataError(
            f"{path}: {'.'.join(fields)}: got {found[0]} of shape {found[1]}; expected a 2D array of numbers"
        )
    return value


def check_pages(image: Image.Image) -> None:
    """Check that a file holds one image. Previews do not count: smaller copies in TIFF, further images of MPO.

    Raises   ValueError for several pages of a TIFF, or frames of an animation
    """
    pages = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    if pages > 1 and image.format == "TIFF":
        pages = sum(not _is_preview(image, page) for page in range(pages))
        image.seek(0)
    if pages > 1:
        raise ValueError(f"got {pages} pages or frames, expected one image. Fix: save the one you mean as its own file")


def _is_preview(image: Image.Image, page: int) -> bool:
    """Whether a page of a TIFF is a smaller copy or a transparency mask of another."""
    image.seek(page)
    kind = image.getexif().get(NEW_SUBFILE_TYPE, 0)
    return isinstance(kind, int) and bool(kind & 0b101)


def check_label(label_hw: np.ndarray, path: Path, image_hw: Sequence[int], allowed: Sequence[int]) -> None:
    """Check that a label map has the size of its image and only allowed values."""
    check_size(label_hw.shape, path, image_hw, "its image")
    check_values(label_hw, path, allowed)


def check_size(hw: Sequence[int], path: Path, expected_hw: Sequence[int], other: Path | str) -> None:
    """Check that a file has the height and width of `other`."""
    if tuple(hw) != tuple(expected_hw):
        raise DataError(f"{path}: got {_format_size(hw)}; expected {_format_size(expected_hw)}, as in {other}")


def check_values(label_hw: np.ndarray, path: Path, allowed: Sequence[int]) -> None:
    """Check that a label map holds only allowed values."""
    present = np.unique(label_hw)
    unknown = np.setdiff1d(present, allowed)
    if unknown.size:
        found = ", ".join(f"{value:g}" for value in unknown[:8])
        raise UnknownLabels(
            f"{path}: label value {found}; expected {_format_ranges(allowed)}", unknown.tolist(), present.tolist()
        )


def read_error(path: Path, what: str, error: BaseException) -> DataError:
    """The error for a file that is missing, damaged or of another kind."""
    kind = f"an {what}" if what[0] in "aeiou" else f"a {what}"
    if isinstance(error, FileNotFoundError):
        return DataError(f"{path}: missing; expected {kind}")
    return DataError(f"{path}: damaged, or not {kind} ({type(error).__name__}: {error})")


def _read_image(path: Path) -> tuple[np.ndarray, str]:
    try:
        with untrusted_files.open_image(path) as image:
            check_pages(image)
            return np.array(make_upright(image)), image.mode
    except DAMAGED_IMAGE as error:
        raise read_error(path, "image", error) from error


def _list_fields(value: object) -> Sequence[str]:
    """The variables of a file, or the fields of a struct."""
    if isinstance(value, dict):
        return tuple(value)
    return getattr(getattr(value, "dtype", None), "names", None) or ()


def _format_size(hw: Sequence[int]) -> str:
    return " x ".join(str(side) for side in reversed(hw)) + " pixels"


def _format_ranges(values: Sequence[int]) -> str:
    """Integers as ranges: 0-20 or 255."""
    ordered = sorted(values)
    starts = [v for v in ordered if v - 1 not in values]
    ends = [v for v in ordered if v + 1 not in values]
    return " or ".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends))
