"""The command fcn-repro: every program of tools/, run in the working directory.

    fcn-repro infer voc-fcn8s street.jpg    the same as, in a clone, python -m tools.infer voc-fcn8s street.jpg
    fcn-repro                               list the programs

Data, weights and results lie beneath the working directory, as they do in a clone. Where a message says
python -m tools.NAME, say fcn-repro NAME; make and its chains of targets need a clone.
"""

from __future__ import annotations

import ast
import runpy
import sys
from pathlib import Path

from fcn_repro.paths import find_root


def main() -> int:
    """Run the program that the first argument names, with the other arguments; its exit status, 2 if there is none."""
    tools = programs(find_root() / "tools")
    if len(sys.argv) < 2 or sys.argv[1] not in tools:
        known = "\n".join(f"    {name:<18}{line}" for name, line in tools.items())
        found = f"\nno program {sys.argv[1]!r}\n" if sys.argv[1:] and sys.argv[1] not in ("-h", "--help") else ""
        (sys.stderr if found else sys.stdout).write(f"{(__doc__ or '').strip()}\n\n{known}\n{found}")
        return 2 if found else 0
    name = sys.argv.pop(1)
    sys.argv[0] = f"fcn-repro {name}"  # what --help says
    sys.path.insert(0, str(find_root()))
    runpy.run_module(f"tools.{name}", run_name="__main__")
    return 0


def programs(folder: Path) -> dict[str, str]:
    """The programs in a folder, and the first line of what each says of itself."""
    found = {}
    for path in sorted(folder.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if 'if __name__ == "__main__":' in text:
            found[path.stem] = (ast.get_docstring(ast.parse(text)) or "").splitlines()[0]
    return found
