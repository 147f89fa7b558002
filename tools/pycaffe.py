"""Run somebody's pycaffe script, unchanged, on this project's engine: there, `import caffe` is fcn_repro.caffe.

    python -m tools.pycaffe SCRIPT [ARGUMENTS]

The script finds what `python SCRIPT` would show it: its arguments, its own folder first on sys.path, __name__, and the
working directory as it is. Set PYTHONPATH for the modules of its Python layers. GLOG_minloglevel=1 hides the solver's
log, as for Caffe. With ENGINE=bvlc, `import caffe` is real pycaffe.

Exit     the script's own · 2 bad arguments, or no such script
"""

from __future__ import annotations

import argparse
import importlib
import os
import runpy
import signal
import sys
from typing import Sequence

from fcn_repro import engine

# What scripts import of pycaffe. Each gets its name there, so that no module is loaded a second time under it.
MODULES = ("", ".classifier", ".coord_map", ".detector", ".draw", ".io", ".net_spec", ".proto", ".proto.caffe_pb2",
           ".pycaffe")  # fmt: skip


def main(options: argparse.Namespace) -> None:
    """Run the script; what it raises, SystemExit included, comes through."""
    if engine.name == "torch":
        for module in MODULES:
            sys.modules["caffe" + module] = importlib.import_module(engine.ENGINES["torch"] + module)
    engine.caffe.init_log(int(os.environ.get("GLOG_minloglevel", "0")))
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:  # see tools/__init__.py
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv[:] = [options.script, *options.arguments]
    sys.path[0] = os.path.dirname(os.path.realpath(options.script))
    runpy.run_path(options.script, run_name="__main__")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; what follows the script is the script's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("script", help="a Python file")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="what the script finds in sys.argv")
    options = parser.parse_args(arguments)
    if not os.path.isfile(options.script):
        parser.error(f"there is no script {options.script!r} in {os.getcwd()}")
    return options


if __name__ == "__main__":
    main(parse())
