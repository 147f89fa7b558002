"""List the files below a folder."""

from __future__ import annotations

import os
from pathlib import Path


def walk_files(folder: Path) -> list[Path]:
    """Return the files in a folder and its subfolders, sorted, also behind links to folders.

    A link to a folder that contains it is not followed. Hidden files and folders, whose names start with a dot, are
    skipped.
    """
    found: list[Path] = []
    _collect(folder, frozenset(), found)
    return sorted(found)


def _collect(folder: Path, above: frozenset[str], found: list[Path]) -> None:
    real = os.path.realpath(str(folder))
    if real in above:
        return
    with os.scandir(str(folder)) as entries:
        names = sorted((entry.name, entry.is_dir(), entry.is_file()) for entry in entries)
    for name, is_folder, is_file in names:
        if name.startswith("."):
            continue
        if is_folder:
            _collect(folder / name, above | {real}, found)
        elif is_file:
            found.append(folder / name)
