"""Print the results of the papers' side experiments, with the paper's numbers beside the measured ones.

    python -m tools.study balancing                    on the mini data set
    python -m tools.study upper-bounds --data voc
    python -m tools.study --all

make trains the runs that a study needs: make study-balancing DATA=voc. This program computes the studies that need no
training of their own, upper-bounds and shift-and-stitch.

Reads    build/<run>/{score.json,log.csv} of the study's runs, data/paper/*.csv; the data set, for computed studies
Writes   build/studies/<data>-<study>.{json,txt}
Exit     0 printed · 2 bad arguments · 3 a run is not trained yet, or data are missing
"""

from __future__ import annotations

import argparse
import sys

from fcn_repro import device
from fcn_repro.analysis.study_results import format_study
from solvers.studies import DATA, STUDIES
from solvers.study_runs import make_studies
from tools import program


def main(options: argparse.Namespace) -> None:
    device.choose(options.gpu)
    every = [name for name, study in STUDIES.items() if options.data in study.data]
    for outcome in make_studies(every if options.all else options.studies, options.data):
        print("\n".join(["", *format_study(outcome, options.format)]), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="*", metavar="STUDY", choices=[*STUDIES, []], help=", ".join(STUDIES))
    parser.add_argument("--all", action="store_true", help="every study")
    parser.add_argument("--data", choices=DATA, default="mini", help="the data set; mini by default")
    program.add_gpu(parser)
    program.add_format(parser)
    options = parser.parse_args()
    if bool(options.studies) == options.all:
        parser.error("give either studies or --all")
    sys.exit(program.run(main, options))
