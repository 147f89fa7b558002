"""Reading the files that data sets are made of: lists, photographs, label maps.

Every function raises DataError naming the file, what was found in it and what was expected.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any, Sequence

import numpy as np
from scipy.io.matlab import MatReadError

from fcn_repro.datasets import mat_file
from fcn_repro.errors import DataError
from fcn_repro.system import untrusted_files


class StrangeLabels(DataError):
    """A label map holds values that stand for nothing: `values`."""

    def __init__(self, message: str, values: Sequence[int]) -> None:
        super().__init__(message)
        self.values = tuple(values)


# What Pillow and scipy are known to raise over damaged files.
DAMAGED_IMAGE = untrusted_files.IMAGE_ERRORS
DAMAGED_MAT = (
    *(OSError, ValueError, TypeError, KeyError, IndexError, EOFError, NotImplementedError, ArithmeticError),
    *(MemoryError, UnicodeDecodeError, struct.error, zlib.error, MatReadError),
)


def read_list(path: Path) -> tuple[str, ...]:
    """The ids in a split's list, one a line, in the file's order: names of files, perhaps within folders, and none
    that leads out of the folder that it is looked for in, or that its results are written to."""
    ids = read_lines(path, "split list", "one image id a line")
    for item in ids:
        if not is_inside(item):
            raise DataError(f"{path}: the id {item!r} leaves its folder; expected a name, as 2007_000033 or train/17")
    return ids


def read_lines(path: Path, what: str, form: str) -> tuple[str, ...]:
    """The lines of a list that are not empty, without the blanks around them; for errors, what it is, and its form."""
    try:
        lines = untrusted_files.read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise read_error(path, what, error) from error
    found = tuple(line.strip() for line in lines if line.strip())
    if not found:
        raise DataError(f"{path}: empty; expected a {what}, {form}")
    return found


def is_inside(name: str) -> bool:
    """Whether a path, joined to a folder, stays in it."""
    return not {"", ".", ".."} & set(name.split("/")) and "\\" not in name and name.isprintable()


def read_rgb(path: Path) -> np.ndarray:
    """A photograph as (H, W, 3) uint8, channels R G B."""
    image, mode = _read_image(path)
    if mode != "RGB":
        raise DataError(f"{path}: image of mode {mode}; expected RGB, three channels of 8 bits")
    return image


def read_any_rgb(path: Path) -> np.ndarray:
    """A picture of whatever mode of 8 bits, brought to (H, W, 3) uint8, channels R G B."""
    try:
        with untrusted_files.open_image(path) as image:
            if image.mode.startswith(("I", "F")):
                raise DataError(f"{path}: image of mode {image.mode}; expected 8 bits a channel")
            return np.array(image.convert("RGB"))
    except DAMAGED_IMAGE as error:
        raise read_error(path, "picture", error) from error


def read_indexed(path: Path) -> np.ndarray:
    """A label map stored as palette indices or grey levels: (H, W) uint8."""
    label, mode = _read_image(path)
    if mode not in ("P", "L"):
        raise DataError(f"{path}: label map of mode {mode}; expected class indices, mode P or L, not colours")
    return label


def read_mat(path: Path, *fields: str) -> np.ndarray:
    """The two-dimensional array that a .mat file holds under a variable, or under a struct's field: (H, W)."""
    try:
        value: Any = mat_file.load(path, fields[0])
    except DAMAGED_MAT as error:
        raise read_error(path, ".mat file", error) from error
    for depth, field in enumerate(fields):
        present = [name for name in _names(value) if not name.startswith("__")]
        if field not in present:
            wanted = ".".join(fields[: depth + 1])
            raise DataError(f"{path}: no field {wanted}; found {', '.join(present) or 'no fields'}")
        value = value[field]
        if depth and not value.size:
            wanted = ".".join(fields[:depth])
            raise DataError(f"{path}: {wanted} is a struct array without structs; expected one struct")
        value = value.flat[0] if depth else value
    if not (isinstance(value, np.ndarray) and value.ndim == 2 and value.dtype.kind in "uif"):
        found = getattr(value, "dtype", type(value).__name__), getattr(value, "shape", ())
        raise DataError(f"{path}: {'.'.join(fields)} is {found[0]} of shape {found[1]}; expected a map of numbers")
    return value


def read_depth(path: Path) -> np.ndarray:
    """Depth as a PNG of one channel holds it: (H, W), whole numbers of up to 16 or 32 bits."""
    depth, mode = _read_image(path)
    if depth.ndim != 2 or mode in ("P", "1"):
        raise DataError(f"{path}: image of mode {mode}; expected depth, one channel of whole numbers")
    return depth


def check_label(label_hw: np.ndarray, path: Path, image_hw: Sequence[int], allowed: Sequence[int]) -> None:
    """Refuse a label map that is not the size of its image, or holds values that are not allowed."""
    if label_hw.shape != tuple(image_hw):
        raise DataError(f"{path}: label map of {_size(label_hw.shape)}; expected its image's {_size(image_hw)}")
    check_values(label_hw, path, allowed)


def check_same_size(hw: Sequence[int], path: Path, expected_hw: Sequence[int], as_in: Path) -> None:
    """Refuse a file whose picture is not the size of another's."""
    if tuple(hw) != tuple(expected_hw):
        raise DataError(f"{path}: {_size(hw)}; expected {_size(expected_hw)}, as in {as_in}")


def check_values(label_hw: np.ndarray, path: Path, allowed: Sequence[int]) -> None:
    """Refuse a label map that holds values that are not allowed."""
    strange = np.setdiff1d(label_hw, allowed)
    if strange.size:
        found = ", ".join(f"{value:g}" for value in strange[:8])
        raise StrangeLabels(f"{path}: label value {found}; expected {_ranges(allowed)}", strange.tolist())


def from_one(label_hw: np.ndarray) -> np.ndarray:
    """Labels that count from 1, 0 being void, as labels that count from 0, 255 being void: uint8."""
    return label_hw.astype(np.uint8) - np.uint8(1)


def unreadable(path: Path, what: str, error: BaseException) -> DataError:
    """The error to raise over a file that is missing, damaged or of another kind."""
    if isinstance(error, FileNotFoundError):
        return DataError(f"{path}: missing; expected a {what}")
    return DataError(f"{path}: damaged, or not a {what} ({type(error).__name__}: {error})")


def _read_image(path: Path) -> tuple[np.ndarray, str]:
    try:
        with untrusted_files.open_image(path) as image:
            return np.array(image), image.mode
    except DAMAGED_IMAGE as error:
        raise read_error(path, "picture", error) from error


def _names(value: object) -> Sequence[str]:
    """The variables of a file, or the fields of a struct."""
    if isinstance(value, dict):
        return tuple(value)
    return getattr(getattr(value, "dtype", None), "names", None) or ()


def _size(hw: Sequence[int]) -> str:
    return " x ".join(str(side) for side in reversed(hw)) + " pixels"


def _ranges(values: Sequence[int]) -> str:
    """Whole numbers in words: 0-20 or 255."""
    ordered = sorted(values)
    starts = [v for v in ordered if v - 1 not in values]
    ends = [v for v in ordered if v + 1 not in values]
    return " or ".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends))
