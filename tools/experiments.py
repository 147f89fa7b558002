"""List every run: the paper's row it reproduces, its data, start and recipe, its cost, and its state.

    python -m tools.experiments
    python -m tools.experiments voc mini       only runs on these data sets
    python -m tools.experiments --csv          every column, for a program

    paper     mean IU of the first table that cites the run (data/paper/): T of its edition, or the table's file;
              "?" marks a recalled number, +N counts further tables
    from      the run or classifier whose weights it starts from, without the name of its data set
    training  the loss, summed or averaged over pixels; images per update; momentum; learning rate
    steps     updates; images: those of all updates; params: trainable parameters
    state     not started; the iteration of its last snapshot; or its mean IU, and the last iteration of a shortened run

Reads    data/paper/*.csv, build/<experiment>/
Exit     0 listed · 2 bad arguments
"""

from __future__ import annotations

import argparse
import csv
import sys

from solvers.run_list import csv_fields, format_table, list_runs, preparations
from tools import program


def main(options: argparse.Namespace) -> None:
    runs = list_runs(options.data)
    if options.csv:
        writer = csv.DictWriter(sys.stdout, list(csv_fields(runs[0])), lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(csv_fields, runs))
    else:
        print("\n".join(format_table(runs)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = preparations()
    parser.add_argument("data", nargs="*", metavar="DATA", help=f"only runs on these: {', '.join(known)}")
    parser.add_argument("--csv", action="store_true", help="print CSV")
    options = parser.parse_args()
    unknown = [name for name in options.data if name not in known]
    if unknown:
        parser.error(f"no run is on {unknown[0]!r}; expected some of {', '.join(known)}")
    sys.exit(program.run(main, options))
