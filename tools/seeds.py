"""Train the mini experiment with several random seeds, its classifier included, and print the spread of its scores.

    python -m tools.seeds 1 2 3

A seed sets the initial weights, dropout, and the order of the images; the scenes stay the same. Finished runs are not
repeated, so you can add seeds later.

Writes   build/seeds/<seed>/<experiment>/
Exit     0 trained · 2 bad arguments · 3 data missing · 130 stopped
"""

from __future__ import annotations

import argparse
import sys

from fcn_repro import device
from fcn_repro.system.text_table import format_table
from solvers.seeds import COLUMNS, train_seeds
from tools import program


def main(options: argparse.Namespace) -> None:
    rows = train_seeds(options.seeds, device.choose(options.gpu))
    print(f"mean and range over {len(options.seeds)} seeds, in percent; median speed")
    print(format_table(rows, COLUMNS, options.format))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", nargs="+", type=program.positive, metavar="seed")
    program.add_format(parser)
    program.add_gpu(parser)
    sys.exit(program.run(main, parser.parse_args()))
