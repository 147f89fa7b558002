"""Print a Python interpreter that can `import caffe`: CAFFE_PYTHON, or one that is installed into build/oracle.

    python -m tools.real_caffe

Exit     0 found or installed · 3 not available; the message names what is missing
"""

from __future__ import annotations

import argparse
import sys

from fcn_repro.analysis.benchmark.real_caffe import NoCaffe, interpreter
from fcn_repro.errors import DataError
from tools import program


def main(options: argparse.Namespace) -> None:
    try:
        print(interpreter())
    except NoCaffe as error:
        raise DataError(str(error)) from error


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sys.exit(program.run(main, parser.parse_args()))
