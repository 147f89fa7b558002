"""The package `caffe` that is this project's engine, and where Python finds it.

package/   holds `caffe`
startup/   for PYTHONPATH of child processes: installs the finder when Python starts
"""

from __future__ import annotations

import importlib.util
import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any, Sequence

FOLDER = Path(__file__).resolve().parent
PACKAGE, STARTUP = FOLDER / "package", FOLDER / "startup"


class ShimFinder:
    """Finds `caffe` in package/, whatever a script inserts into sys.path."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        """Return the spec of `caffe` where this interpreter can run the engine; else None."""
        if name != "caffe" or os.environ.get("ENGINE", "torch") != "torch" or importlib.util.find_spec("torch") is None:
            return None
        return PathFinder.find_spec(name, [str(PACKAGE)])


def install() -> None:
    """Let `import caffe` give the engine in this process."""
    if ShimFinder not in sys.meta_path:
        sys.meta_path.insert(0, ShimFinder)


def make_python_path(hidden: Path | None = None) -> str:
    """Return PYTHONPATH for child processes: startup/ first, then the present entries but the folder `hidden`."""
    entries = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    return os.pathsep.join(
        [str(STARTUP), *(entry for entry in entries if Path(entry).resolve() not in (STARTUP, hidden))]
    )


def hide_folder(folder: Path) -> None:
    """Remove a folder from sys.path, from PYTHONPATH, and its modules: a script may have modules of the same names."""
    sys.path[:] = [entry for entry in sys.path if Path(entry or os.curdir).resolve() != folder]
    os.environ["PYTHONPATH"] = make_python_path(folder)
    for package in [path.name for path in folder.iterdir() if (path / "__init__.py").is_file()]:
        if package != "fcn_repro":
            for name in [name for name in sys.modules if name.partition(".")[0] == package]:
                del sys.modules[name]
