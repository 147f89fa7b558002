"""Folders of a project: `build/`, and the root that holds nets, solvers, tools and the tables of data.

In a clone the root is the working directory. The wheel installs the same folders as data files under
`share/fcn-repro` of the environment, where the command `fcn-repro` finds them: their names are too general for
site-packages.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

BUILD = Path("build")  # everything generated, under the working directory
CLONE = Path(__file__).resolve().parents[1]
DISTRIBUTION = "fcn-repro"
INSTALLED_MARK = ("share", "fcn-repro", "tools", "__init__.py")


def find_root() -> Path:
    """Return the folder that holds nets, solvers, tools and data.

    Raises   FileNotFoundError if neither a clone nor an installation is found
    """
    if (CLONE / "tools" / "__init__.py").is_file():
        return CLONE
    try:
        files = metadata.files(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.parts[-len(INSTALLED_MARK) :] == INSTALLED_MARK:
            return Path(str(file.locate())).resolve().parents[1]
    raise FileNotFoundError("the programs of fcn-repro are missing. Fix: pip install . (or use a clone)")


def find_table(path: Path) -> Path:
    """Return the path of a table of data/: in the working directory if it exists there, else in the root."""
    if path.exists() or find_root() == CLONE:
        return path
    return find_root() / path
