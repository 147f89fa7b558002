"""Where the parts lie that have no place at the top of anybody's site-packages: nets, solvers, tools, data's tables.

In a clone they are at its top, which is the working directory. The wheel carries them as data, and pip puts them into
share/fcn-repro beneath the environment; from there the command fcn-repro runs them.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

NAME, MARK = "fcn-repro", ("share", "fcn-repro", "tools", "__init__.py")
CLONE = Path(__file__).resolve().parents[1]


def top() -> Path:
    """The folder that holds nets, solvers, tools and data.

    Raises   FileNotFoundError where there is none: the package was copied without them
    """
    if (CLONE / "tools" / "__init__.py").is_file():
        return CLONE
    try:
        files = metadata.files(NAME) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.parts[-len(MARK) :] == MARK:
            return Path(str(file.locate())).resolve().parents[1]
    raise FileNotFoundError("the programs of fcn-repro are not here; install it again (pip install .) or use a clone")


def table(path: Path) -> Path:
    """A table of data/: the working directory's own, or, where it has none, the one that was installed."""
    if path.exists() or top() == CLONE:
        return path
    return top() / path
