"""Print every score found under build/ beside the paper's tables.

    python -m tools.compare
    python -m tools.compare --format latex > tables.tex

A "?" marks numbers of the paper that are recalled, not read (data/paper/README.md); a "." a run that was not made.
Where the paper does not say how it counted, every way is printed (fcn_repro/evaluation/class_subsets.py, metrics.py).
Shortened runs and mini experiments are labelled: their numbers reproduce nothing.

Reads    data/paper/*.csv, build/*/score.json, build/*/*.score.json; build/studies/*.json of studies on PASCAL VOC
Exit     0
"""

from __future__ import annotations

import argparse
import logging
import sys

from fcn_repro.analysis.html_report.studies import compare, read_results
from fcn_repro.analysis.paper_tables import (
    format_answers,
    format_comparison,
    list_answers,
    read_reports,
    read_tables,
)
from fcn_repro.evaluation.metrics import METRICS
from fcn_repro.paths import BUILD
from tools import program

log = logging.getLogger(__name__)

MINI = "mini"  # prefix of the mini experiments
TITLES = {
    False: "Runs that no table of the paper has",
    True: "Mini experiments: the embedded data set, not PASCAL VOC; compare them with one another only",
}


def main(options: argparse.Namespace) -> None:
    reports, tables = read_reports(), read_tables()
    studies, faults = read_results(BUILD)
    for fault in faults:
        log.warning("%s", fault)
    for table in tables:
        print(f"\n{table.title} ({table.edition}{', ' + table.split if table.split else ''})")
        print(format_comparison(table, compare(table, reports, list(studies.values())), options.format))
    cited = {cell.experiment for table in tables for cell in table.cells}
    for is_mini, title in TITLES.items():
        others = [
            answer
            for report in reports
            if report["experiment"] not in cited and report["experiment"].startswith(MINI) == is_mini
            for answer in list_answers(report, "")
        ]
        if others:
            print(f"\n{title}\n{format_answers(others, list(METRICS), options.format)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    program.add_format(parser)
    sys.exit(program.run(main, parser.parse_args()))
