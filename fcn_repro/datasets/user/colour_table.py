"""Convert label maps from colours to class indices.

Table       "voc", the colours of PASCAL VOC's devkit; or a file with a name and a colour for each class, in any form
            that `class_list` reads: a CSV with the columns name, r, g, b (0-255). A name is a class or "void". A class
            may have several colours
Tolerance   JPEG changes colours. With a tolerance, a pixel takes the label of the nearest colour, up to this difference
            in each channel
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Iterable, Mapping, NamedTuple, Sequence

import numpy as np

from fcn_repro.datasets import file_readers
from fcn_repro.datasets.data_set import VOID
from fcn_repro.datasets.user.class_list import VOID_NAME, Colour, read_rows
from fcn_repro.drawing.palette import make_voc_palette
from fcn_repro.errors import DataError
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.system.progress import Progress

VOC = "voc"  # the name of the built-in table
SHOWN = 6  # unknown colours in a message
DRAFT_COLOURS = 1000  # a label map in JPEG, or a photograph, has more


class Converted(NamedTuple):
    """A label map in class indices."""

    label_hw: np.ndarray  # (H, W) uint8
    changed: int  # pixels that had no colour of the table
    largest: int  # the largest difference in a channel of these


def make_voc_table(classes: int) -> Mapping[Colour, int]:
    """VOC's colours of void and of the first `classes` labels."""
    palette = make_voc_palette()
    return {tuple(int(part) for part in palette[label]): label for label in (*range(classes), VOID)}


def read_table(path: Path, class_names: Sequence[str]) -> Mapping[Colour, int]:
    """Read the label of each colour from a file.

    Raises   DataError for wrong columns, unknown names, values outside 0-255, and a colour of two classes
    """
    labels = {**{name: label for label, name in enumerate(class_names)}, VOID_NAME: VOID}
    table: dict[Colour, int] = {}
    for row in read_rows(path):
        place = f"{path}, line {row.line}"
        if row.name not in labels or row.colour is None:
            expected = f"a name of {', '.join(labels)}, and three numbers in 0-255"
            raise DataError(f"{place}: got {row.text}; expected {expected}")
        if table.setdefault(row.colour, labels[row.name]) != labels[row.name]:
            raise DataError(f"{place}: got the colour {row.colour} for a second class; expected one class per colour")
    return table


def to_indices(image_rgb: np.ndarray, table: Mapping[Colour, int], tolerance: int = 0) -> Converted:
    """Convert an image of colours, (H, W, 3) uint8, to labels.

    Raises   DataError with the most frequent colours beyond the tolerance, and their pixel counts
    """
    codes, place, counts = np.unique(_encode(image_rgb), return_inverse=True, return_counts=True)
    known = np.array(list(table))
    nearest, difference = np.empty(len(codes), int), np.empty(len(codes), int)
    for start in range(0, len(codes), 4096):  # bounds the memory of colours times colours
        part = np.array([_decode(code) for code in codes[start : start + 4096]])
        differences = np.abs(part[:, np.newaxis] - known).max(axis=2)
        nearest[start : start + 4096], difference[start : start + 4096] = differences.argmin(1), differences.min(1)
    unknown = difference > tolerance
    if unknown.any():
        raise DataError(_describe_unknown(codes[unknown], counts[unknown], tolerance))
    label = np.array(list(table.values()), np.uint8)[nearest[place]]
    return Converted(label.reshape(image_rgb.shape[:2]), int(counts[difference > 0].sum()), int(difference.max()))


def draft_table(out: Path, label_maps: Iterable[Path], total: int) -> int:
    """Write every colour of all label maps to a CSV, the most frequent first, for a person to name.

    Returns  the number of colours
    Raises   DataError for more than 1000 colours: these are no label maps, or JPEG changed them
    """
    pixels: Counter = Counter()
    images: Counter = Counter()
    with Progress(total, "find colours") as progress:
        for path in label_maps:
            codes, counts = np.unique(_encode(file_readers.read_colours(path)), return_counts=True)
            pixels.update(dict(zip(codes.tolist(), counts.tolist())))
            images.update(codes.tolist())
            if len(pixels) > DRAFT_COLOURS:
                raise DataError(f"{path}: got more than {DRAFT_COLOURS} colours so far; expected a colour per class")
            progress.advance()
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(out) as file:
        file.write("name,r,g,b,pixels,images\n")
        for code, count in sorted(pixels.items(), key=lambda item: (-item[1], item[0])):
            file.write(f"?,{','.join(map(str, _decode(code)))},{count},{images[code]}\n")
    return len(pixels)


def _describe_unknown(codes: np.ndarray, pixels: np.ndarray, tolerance: int) -> str:
    top = np.argsort(-pixels, kind="stable")[:SHOWN]
    shown = ", ".join(f"{_decode(codes[i])} in {pixels[i]} pixels" for i in top)
    more = f" and {codes.size - SHOWN} more" if codes.size > SHOWN else ""
    within = f", or within {tolerance} of them" if tolerance else ""
    return f"got colours of no class: {shown}{more}; expected those of the table{within}"


def _encode(rgb: np.ndarray) -> np.ndarray:
    """Colours as one integer each."""
    return rgb.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])


def _decode(code: int) -> Colour:
    return int(code) >> 16, int(code) >> 8 & 255, int(code) & 255
