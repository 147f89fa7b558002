"""Write a folder laid out as a built Caffe, whose programs are this project's, for old shell scripts.

    python -m tools.caffe_root caffe
    export CAFFE_ROOT=$PWD/caffe PATH=$PWD/caffe/build/tools:$PATH PYTHONPATH=$PWD/caffe/python
    caffe train -solver solver.prototxt        and $CAFFE_ROOT/build/tools/caffe, python $CAFFE_ROOT/python/draw_net.py

Writes   FOLDER, which must be new: build/tools/caffe and others, python/caffe, python/*.py, tools/extra/*.py. Nothing
         outside it changes, so that a real Caffe is not shadowed; remove the folder to be rid of it
Exit     0 written · 1 the folder exists · 2 bad arguments
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fcn_repro.shim.caffe_root import write_caffe_root
from tools import program


def main(options: argparse.Namespace) -> None:
    print(*write_caffe_root(options.folder), sep="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder to write")
    sys.exit(program.run(main, parser.parse_args()))
