"""Convert label maps from colours to class indices.

Table   "voc", the colours of PASCAL VOC's devkit; or a CSV with the columns name, r, g, b (0-255). A name is a class or
        "void". A class may have several colours.
"""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path
from typing import Mapping, Sequence

import numpy as np

from fcn_repro.datasets import file_readers
from fcn_repro.datasets.data_set import VOID
from fcn_repro.drawing.palette import make_voc_palette, save_label
from fcn_repro.errors import DataError
from fcn_repro.system.progress import Progress

Colour = tuple  # three integers, R G B
COLUMNS = ("name", "r", "g", "b")
SHOWN = 6  # unknown colours in a message


def make_voc_table(classes: int) -> Mapping[Colour, int]:
    """VOC's colours of void and of the first `classes` labels."""
    palette = make_voc_palette()
    return {tuple(int(part) for part in palette[label]): label for label in (*range(classes), VOID)}


def read_table(path: Path, class_names: Sequence[str]) -> Mapping[Colour, int]:
    """Read the label of each colour from a CSV.

    Raises   DataError for wrong columns, unknown names, values outside 0-255, and a colour of two classes
    """
    labels = {**{name: label for label, name in enumerate(class_names)}, "void": VOID}
    table: dict[Colour, int] = {}
    try:
        with open(str(path), encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, skipinitialspace=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise file_readers.read_error(path, "table of colours", error) from error
    for number, row in enumerate(rows, start=2):
        place = f"{path}, line {number}"
        if tuple(row) != COLUMNS or None in row.values():
            raise DataError(f"{place}: got the columns {', '.join(map(str, row))}; expected {', '.join(COLUMNS)}")
        colour = tuple(int(row[part]) if row[part].isdecimal() else -1 for part in COLUMNS[1:])
        if row["name"] not in labels or not all(0 <= part <= 255 for part in colour):
            expected = f"a name of {', '.join(labels)}, and three numbers in 0-255"
            raise DataError(f"{place}: got {','.join(row.values())}; expected {expected}")
        if table.setdefault(colour, labels[row["name"]]) != labels[row["name"]]:
            raise DataError(f"{place}: got the colour {colour} for a second class; expected one class per colour")
    return table


def to_indices(image_rgb: np.ndarray, table: Mapping[Colour, int]) -> np.ndarray:
    """Convert an image of colours, (H, W, 3) uint8, to labels, (H, W) uint8.

    Raises   DataError with the most frequent unknown colours and their pixel counts
    """
    known = np.array([_encode(np.array(colour)) for colour in table])
    order = np.argsort(known)
    codes = _encode(image_rgb)
    place = order[np.searchsorted(known, codes, sorter=order).clip(max=len(known) - 1)]
    unknown, pixels = np.unique(codes[known[place] != codes], return_counts=True)
    if unknown.size:
        top = np.argsort(-pixels, kind="stable")[:SHOWN]
        shown = ", ".join(f"{_decode(unknown[i])} in {pixels[i]} pixels" for i in top)
        more = f" and {unknown.size - SHOWN} more" if unknown.size > SHOWN else ""
        raise DataError(f"got colours of no class: {shown}{more}; expected those of the table")
    return np.array(list(table.values()), np.uint8)[place]


def convert(labels: Mapping[str, Path], table: Mapping[Colour, int], out: Path) -> None:
    """Write label maps as palette PNGs of class indices to a folder, all or none.

    Raises   DataError for the first damaged label map or unknown colour
    """
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(str(part), ignore_errors=True)
    with Progress(len(labels), "convert") as progress:
        for item, path in labels.items():
            try:
                label_hw = to_indices(file_readers.read_any_rgb(path), table)
            except DataError as error:
                raise DataError(f"{path}: {error}") from error
            save_label(part / f"{item}.png", label_hw)
            progress.advance()
    shutil.rmtree(str(out), ignore_errors=True)
    os.replace(str(part), str(out))


def _encode(rgb: np.ndarray) -> np.ndarray:
    """Colours as one integer each."""
    return rgb.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])


def _decode(code: int) -> Colour:
    return int(code) >> 16, int(code) >> 8 & 255, int(code) & 255
