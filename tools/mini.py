"""Print the scores of the mini experiment beside the paper's, and draw its label maps.

    python -m tools.mini

Reads    build/mini-fcn{32s,16s,8s}/, data/paper/skips-pami.csv, build/data/mini/
Writes   build/mini-fcn8s/pictures/sheet.png: held-out scenes, their label maps, and the predictions of each stage
Exit     0 printed · 2 bad arguments · 3 a stage is not trained yet
"""

from __future__ import annotations

import argparse
import sys

from fcn_repro.evaluation.metrics import METRICS
from fcn_repro.system.text_table import format_table
from solvers.mini_results import describe_task, draw_stages, read_scores, tabulate_stages
from tools import program


def main(options: argparse.Namespace) -> None:
    headers = ["", *(name.replace("_", " ") for name in METRICS)]
    rows = tabulate_stages(read_scores())
    print(f"{describe_task()}\n\n{format_table(rows, headers, options.format)}\n\n{draw_stages()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    program.add_format(parser)
    sys.exit(program.run(main, parser.parse_args()))
