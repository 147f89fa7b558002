"""Label maps in colours become label maps of class indices.

Table   "voc", the colours of PASCAL VOC's devkit; or a CSV of the columns name, r, g, b: a class of the list, or void,
        and what it is painted in (0-255). A class may have several colours.
"""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path
from typing import Mapping, Sequence

import numpy as np

from fcn_repro.datasets import file_readers
from fcn_repro.drawing.palette import save_label, voc_palette
from fcn_repro.errors import DataError
from fcn_repro.system.progress import Progress

Colour = tuple  # of three integers, R G B
COLUMNS = ("name", "r", "g", "b")
VOID_NAME, VOID = "void", 255
LISTED = 6  # strange colours that a message names


def voc_table(classes: int) -> Mapping[Colour, int]:
    """VOC's colours of the first so many labels, and of void."""
    palette = voc_palette()
    return {tuple(int(part) for part in palette[label]): label for label in (*range(classes), VOID)}


def read_table(path: Path, class_names: Sequence[str]) -> Mapping[Colour, int]:
    """The label that each colour stands for.

    Raises   DataError for other columns, a name that is not in the list, a number beyond 0-255, and a colour that
             stands for two classes
    """
    labels = {**{name: label for label, name in enumerate(class_names)}, VOID_NAME: VOID}
    table: dict[Colour, int] = {}
    try:
        with open(str(path), encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, skipinitialspace=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise file_readers.unreadable(path, "table of colours", error) from error
    for number, row in enumerate(rows, start=2):
        if tuple(row) != COLUMNS or None in row.values():
            raise DataError(f"{path}, line {number}: columns {', '.join(map(str, row))}; expected {', '.join(COLUMNS)}")
        colour = tuple(int(row[part]) if row[part].isdecimal() else -1 for part in COLUMNS[1:])
        if row["name"] not in labels or not all(0 <= part <= 255 for part in colour):
            known = ", ".join(labels)
            raise DataError(
                f"{path}, line {number}: {','.join(row.values())}; expected a name of {known}, and 0-255 thrice"
            )
        if table.setdefault(colour, labels[row["name"]]) != labels[row["name"]]:
            raise DataError(f"{path}, line {number}: the colour {colour} stands for another class, too")
    return table


def to_indices(image_rgb: np.ndarray, table: Mapping[Colour, int]) -> np.ndarray:
    """The labels of a picture in colours, (H, W) uint8.

    Raises   DataError for colours that are not in the table, and how many pixels have them
    """
    known = np.array([_code(np.array(colour)) for colour in table])
    order = np.argsort(known)
    codes = _code(image_rgb)
    place = order[np.searchsorted(known, codes, sorter=order).clip(max=len(known) - 1)]
    strange, pixels = np.unique(codes[known[place] != codes], return_counts=True)
    if strange.size:
        worst = np.argsort(-pixels, kind="stable")[:LISTED]
        named = ", ".join(f"{_colour(strange[i])} in {pixels[i]} pixels" for i in worst)
        more = f" and {strange.size - LISTED} more" if strange.size > LISTED else ""
        raise DataError(f"colours that stand for no class: {named}{more}")
    return np.array(list(table.values()), np.uint8)[place]


def convert(labels: Mapping[str, Path], table: Mapping[Colour, int], out: Path) -> None:
    """Write label maps of indices, as palette PNGs, to a folder that then is complete or as it was before.

    Raises   DataError naming the first label map that is damaged or has other colours
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


def _code(rgb: np.ndarray) -> np.ndarray:
    """Colours as one number each."""
    return rgb.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])


def _colour(code: int) -> Colour:
    return int(code) >> 16, int(code) >> 8 & 255, int(code) & 255
