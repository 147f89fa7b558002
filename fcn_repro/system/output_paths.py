"""The rule of every program that writes files from files: no output replaces an input or another output."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Hashable, Iterable

from fcn_repro.errors import DataError


def check_outputs(outputs: Iterable[tuple[Path, Path]], inputs: Iterable[Path], fix: str) -> None:
    """Check a program's paths before it computes anything.

    Paths are the same if links lead to one file, or if they differ only in what some file systems ignore: upper and
    lower case, and the normal form of accented letters.

    Parameters
        outputs   every file to write, each with the file it is made from
        inputs    every file to read; none needs to exist
        fix       the command, or the option, that gives other outputs
    Raises   DataError with both paths
    """
    read = {key: path for path in inputs for key in _identify(path)}
    written: dict[Hashable, tuple[Path, Path]] = {}
    for output, source in outputs:
        keys = _identify(output)
        for key in keys:
            if key in read:
                raise DataError(f"{output}: got an output that replaces the input {read[key]}. Fix: {fix}")
            if key in written:
                other, other_source = written[key]
                same = f"{output} and {other}" if output != other else str(output)
                raise DataError(f"{same}: got one output of {other_source} and of {source}, expected two. Fix: {fix}")
        written.update(dict.fromkeys(keys, (output, source)))


def _identify(path: Path) -> set[Hashable]:
    """Return keys; the paths of one file share at least one."""
    keys = {_identify_entry(str(path)), _identify_entry(os.path.realpath(str(path)))}
    return keys | {_identify_file(str(path))} - {None}


def _identify_entry(path: str) -> Hashable:
    folder, name = os.path.split(os.path.abspath(path))
    place = _identify_file(folder) or os.path.realpath(folder)
    return place, unicodedata.normalize("NFC", name).casefold()


def _identify_file(path: str) -> Hashable:
    """Return the device and number of an existing file or folder, None without one."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
