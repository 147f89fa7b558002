"""From an archive to a directory that a data layer can read."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Callable, Iterable, Mapping, Sequence

import numpy as np
from PIL import Image

from fcn_repro.datasets import file_readers
from fcn_repro.datasets.download.fetch import fetch
from fcn_repro.datasets.download.unpack import unpack
from fcn_repro.errors import DataError
from fcn_repro.system.atomic_write import atomic_write


def unpacked(
    archive: str, places: Mapping[str, Path], list_file: Path, files: Callable[[str], Iterable[Path]]
) -> Sequence[str]:
    """The ids in a split's list, once the list and the files of every id are there.

    When all are there already the archive is not asked for; otherwise what is missing is unpacked from it.
    Raises   DataError when the archive cannot be had or does not hold them all.
    """
    if not list_file.is_file() or _missing(list_file, files):
        unpack(fetch(archive), places)
    missing = _missing(list_file, files)
    if missing:
        count = f"{len(missing)} such files" if len(missing) > 1 else "one such file"
        raise DataError(f"{missing[0]}: missing, though {list_file} lists it, and not in {fetch(archive)} ({count})")
    return file_readers.read_list(list_file)


def list_alone(source: str, list_file: Path, expected: int) -> Sequence[str]:
    """The ids in a split's list that comes as a file of its own, brought to its place; refused at another length."""
    items = file_readers.read_list(list_file if list_file.is_file() else fetch(source))
    write_list(list_file, items, expected)
    return items


def check_count(list_file: Path, items: Sequence[str], expected: int) -> int:
    """The number of images in a split; refused if it is not the one known."""
    if len(items) != expected:
        raise DataError(f"{list_file}: {len(items)} images; expected {expected}")
    return expected


def check_apart(where: Path, splits: Mapping[str, Sequence[str]]) -> None:
    """Refuse splits that share an image: what is learnt cannot be scored."""
    for one, other in combinations(splits, 2):
        both = sorted(set(splits[one]) & set(splits[other]))
        if both:
            raise DataError(f"{where}: {both[0]} is in {one} and in {other} ({len(both)} such images); expected none")


def write_list(list_file: Path, items: Sequence[str], expected: int) -> int:
    """Write a split's list unless that very list is there; the number of images, refused if not the one known."""
    check_count(list_file, items, expected)
    text = "".join(f"{item}\n" for item in items)
    if not list_file.is_file() or list_file.read_text(encoding="utf-8") != text:
        list_file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(list_file) as file:
            file.write(text)
    return expected


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write (H, W) or (H, W, 3) uint8, or (H, W) uint16, whole or not at all; missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, "wb") as file:
        Image.fromarray(pixels).save(file, format="PNG")


def _missing(list_file: Path, files: Callable[[str], Iterable[Path]]) -> list[Path]:
    return [path for item in file_readers.read_list(list_file) for path in files(item) if not path.is_file()]
