"""Upgrade a solver file to the current format, as Caffe's program of this name does.

    python -m tools.upgrade_solver_proto_text OLD_SOLVER NEW_SOLVER

Writes   NEW_SOLVER; the log reports a file that is in the current format already
Exit     0 done · 1 an error in the file · 2 bad arguments · 3 a missing file
Source   caffe 9b89154 tools/upgrade_solver_proto_text.cpp
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Sequence

from fcn_repro.engine import caffe
from fcn_repro.system.output_paths import check_outputs
from tools import program


def main(options: argparse.Namespace) -> None:
    program.require_torch("upgrade_solver_proto_text")
    check_outputs([(Path(options.new), Path(options.old))], [Path(options.old)], "write another file")
    caffe.proto.upgrade_file.upgrade_solver_text(program.require_file(options.old), options.new)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", metavar="OLD_SOLVER", help="a solver file of any version of Caffe")
    parser.add_argument("new", metavar="NEW_SOLVER", help="the same in the current format")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(program.run_caffe(main, parse()))
