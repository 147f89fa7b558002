"""Run a pycaffe script, unchanged, on this project's engine: in it, `import caffe` gives fcn_repro.caffe.

    python -m tools.pycaffe SCRIPT [ARGUMENTS]       instead of: python SCRIPT ...
    python -m tools.pycaffe -m MODULE [ARGUMENTS]    instead of: python -m MODULE ...
    python -m tools.pycaffe -c CODE [ARGUMENTS]      instead of: python -c CODE ...

Python runs the script as it always does: its arguments, its folder first on sys.path, its working directory. Processes
that the script starts have `caffe`, too, by multiprocessing or sys.executable. Set PYTHONPATH for the modules of Python
layers. GLOG_minloglevel=1 hides the solver's log, as in Caffe. With ENGINE=bvlc, `import caffe` gives real pycaffe.
A notebook needs no program: docs/old-caffe-projects.md.

Exit     the script's own · 2 bad arguments, or no such script
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from typing import Sequence

from fcn_repro import shim
from fcn_repro.paths import find_root

NOTEBOOK = "is a notebook; expected a Python file. Fix: open it in Jupyter and run `import fcn_repro.as_caffe` first"


def main(options: argparse.Namespace) -> None:
    """Become a Python process that runs the command; on Windows, which lacks exec, wait for one."""
    environment = {**os.environ, "PYTHONPATH": shim.make_python_path(find_root())}
    command = [sys.executable, *options.command]
    if os.name == "nt":
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)
    os.execve(sys.executable, command, environment)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line: Python's own."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [-h] (SCRIPT | -m MODULE | -c CODE) [ARGUMENTS]",
    )
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given[:1] in (["-h"], ["--help"]):
        parser.parse_args(["--help"])
    if not given:
        parser.error("got no arguments, expected a script, -m MODULE or -c CODE")
    if given[0] in ("-m", "-c"):
        if len(given) == 1:
            parser.error(f"{given[0]}: got nothing, expected {'a module' if given[0] == '-m' else 'code'} after it")
    elif given[0].startswith("-"):
        parser.error(f"got {given[0]}, expected a script, -m MODULE or -c CODE")
    elif not os.path.exists(given[0]):
        parser.error(f"there is no script {given[0]!r} in {os.getcwd()}")
    elif given[0].endswith(".ipynb"):
        parser.error(f"{given[0]} {NOTEBOOK}")
    return argparse.Namespace(command=given)


if __name__ == "__main__":
    main(parse())
