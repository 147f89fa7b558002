"""A folder laid out as a built Caffe, for shell scripts that call CAFFE_ROOT/build/tools/caffe.

Source   caffe 9b89154: build/tools, python/, tools/extra/
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from fcn_repro.shim import PACKAGE, STARTUP

BINARIES = ("caffe", "compute_image_mean", "convert_imageset", "extract_features", "upgrade_net_proto_binary",
            "upgrade_net_proto_text", "upgrade_solver_proto_text")  # fmt: skip
SCRIPTS = {
    "python": ("classify", "detect", "draw_net"),
    "tools/extra": ("parse_log", "plot_training_log", "summarize"),
}
LAUNCHER = '''#!{python}
"""{program} of fcn-repro, under Caffe's name. If Python or fcn-repro moved, write the folder again."""
import os
import sys

path = [{startup!r}] + [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
os.environ["PYTHONPATH"] = os.pathsep.join(path)
os.execv({python!r}, [{python!r}, "-m", "fcn_repro", {program!r}] + sys.argv[1:])
'''


def write_caffe_root(folder: Path) -> list[Path]:
    """Write the programs and the package python/caffe into a new folder; returns the paths.

    Raises   FileExistsError for a folder that is not empty
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder}: got an existing file or folder, expected a new one. Fix: name another")
    paths = {folder / "build" / "tools" / f"{name}{suffix}": name for name in BINARIES for suffix in ("", ".bin")}
    paths.update({folder / place / f"{name}.py": name for place, names in SCRIPTS.items() for name in names})
    for path, program in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        text = LAUNCHER.format(python=sys.executable, program=program, startup=str(STARTUP))
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
    package = folder / "python" / "caffe"
    os.symlink(str(PACKAGE / "caffe"), str(package), target_is_directory=True)
    return [*paths, package]
