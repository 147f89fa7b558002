"""Write the tables of a training log, as Caffe's parse_log.py does.

    python -m tools.parse_log LOG FOLDER [--verbose] [--delimiter ,]

Writes   FOLDER/LOG.train and FOLDER/LOG.test, CSV: NumIters, Seconds, LearningRate and the net's outputs
Exit     0 written · 1 not a training log · 2 bad arguments · 3 a missing file
Source   caffe 9b89154 tools/extra/parse_log.py
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Sequence

from fcn_repro.analysis.caffe_log import parse_log
from fcn_repro.system.atomic_write import atomic_write
from tools import program


def main(options: argparse.Namespace) -> None:
    log = Path(program.require_file(options.logfile_path))
    for kind, table in parse_log(log).tables.items():
        path = Path(options.output_dir, f"{log.name}.{kind.lower()}")
        if table.rows:
            with atomic_write(path, "wb") as file:
                file.write(table.to_csv(options.delimiter).encode())
        if options.verbose:
            print(f"Wrote {path}" if table.rows else f"Not writing {path}; no lines to write")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logfile_path", help="a log of training")
    parser.add_argument("output_dir", help="the folder of the tables")
    parser.add_argument("--verbose", action="store_true", help="print the names of the files")
    parser.add_argument("--delimiter", default=",", help="of columns; default: ','")
    options = parser.parse_args(arguments)
    if len(options.delimiter) != 1:
        parser.error(f"--delimiter: got {options.delimiter!r}, expected one character")
    return options


if __name__ == "__main__":
    sys.exit(program.run(main, parse()))
