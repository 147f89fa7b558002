"""Run a pycaffe script, unchanged, on this project's engine: in it, `import caffe` gives fcn_repro.caffe.

    python -m tools.pycaffe SCRIPT [ARGUMENTS]

The script runs as under `python SCRIPT`: with its arguments, its folder first on sys.path, __name__ and the working
directory. Set PYTHONPATH for the modules of its Python layers. GLOG_minloglevel=1 hides the solver's
log, as in Caffe. With ENGINE=bvlc, `import caffe` gives real pycaffe.

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

# The modules of pycaffe that scripts import. Each is registered under pycaffe's name, so that it loads once.
MODULES = ("", "._caffe", ".classifier", ".coord_map", ".detector", ".draw", ".io", ".net_spec", ".proto",
           ".proto.caffe_pb2", ".pycaffe")  # fmt: skip


def main(options: argparse.Namespace) -> None:
    """Run the script; its exceptions, SystemExit included, pass through."""
    if engine.name == "torch":
        for module in MODULES:
            sys.modules["caffe" + module] = importlib.import_module(engine.ENGINES["torch"] + module)
        engine.caffe.init_log()  # real Caffe logs from the start
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:  # see tools/__init__.py
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv[:] = [options.script, *options.arguments]
    sys.path[0] = os.path.dirname(os.path.realpath(options.script))
    runpy.run_path(options.script, run_name="__main__")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line; arguments after the script are its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("script", help="a Python file")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="the script's arguments")
    options = parser.parse_args(arguments)
    if not os.path.isfile(options.script):
        parser.error(f"there is no script {options.script!r} in {os.getcwd()}")
    return options


if __name__ == "__main__":
    main(parse())
