"""Turn archives into the folders that data layers read."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any, Callable, Iterable, Mapping, Sequence

import numpy as np
import scipy.io
from PIL import Image

from fcn_repro.datasets import file_readers
from fcn_repro.datasets.download.fetch import fetch
from fcn_repro.datasets.download.unpack import unpack
from fcn_repro.errors import DataError
from fcn_repro.system.atomic_write import atomic_write


def unpack_split(
    archive: str, places: Mapping[str, Path], list_file: Path, files: Callable[[str], Iterable[Path]]
) -> Sequence[str]:
    """Return the ids in a split's list, after unpacking the missing files from an archive.

    Parameters
        places   where `unpack` writes the archive's members
        files    the files of an id
    Fetches the archive only if a file is missing.
    Raises   DataError when the archive is unavailable or lacks a file
    """
    if not list_file.is_file() or _find_missing(list_file, files):
        unpack(fetch(archive), places)
    missing = _find_missing(list_file, files)
    if missing:
        count = f"{len(missing)} such files"
        raise DataError(f"{missing[0]}: missing; {list_file} lists it, but {fetch(archive)} lacks it ({count})")
    return file_readers.read_list(list_file)


def fetch_list(source: str, list_file: Path, expected: int) -> Sequence[str]:
    """Fetch a split's list, unless it exists, and return its ids.

    Raises   DataError when it has not `expected` ids
    """
    items = file_readers.read_list(list_file if list_file.is_file() else fetch(source))
    write_list(list_file, items, expected)
    return items


def check_count(list_file: Path, items: Sequence[str], expected: int) -> int:
    """Check and return the number of images in a split."""
    if len(items) != expected:
        raise DataError(f"{list_file}: got {len(items)} images; expected {expected}")
    return expected


def check_disjoint(where: Path, splits: Mapping[str, Sequence[str]]) -> None:
    """Check that splits share no image: scores on training images are meaningless."""
    for one, other in combinations(splits, 2):
        shared = sorted(set(splits[one]) & set(splits[other]))
        if shared:
            raise DataError(
                f"{where}: {shared[0]} is in {one} and in {other} ({len(shared)} such images); expected none"
            )


def write_list(list_file: Path, items: Sequence[str], expected: int) -> int:
    """Write a split's list unless it exists with the same content; return the checked number of images."""
    check_count(list_file, items, expected)
    text = "".join(f"{file_readers.format_id(item)}\n" for item in items)
    if not list_file.is_file() or list_file.read_text(encoding="utf-8") != text:
        list_file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(list_file) as file:
            file.write(text)
    return expected


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write (H, W) or (H, W, 3) uint8, or (H, W) uint16, atomically; create missing folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, "wb") as file:
        Image.fromarray(pixels).save(file, format="PNG")


def write_mat(path: Path, variables: Mapping[str, Any]) -> None:
    """Write a compressed MATLAB 5 file atomically; create missing folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, "wb") as file:
        scipy.io.savemat(file, variables, do_compression=True)


def _find_missing(list_file: Path, files: Callable[[str], Iterable[Path]]) -> list[Path]:
    return [path for item in file_readers.read_list(list_file) for path in files(item) if not path.is_file()]
