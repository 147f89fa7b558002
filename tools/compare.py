"""Print every score found under build/ beside the paper's tables.

    python -m tools.compare

A "?" stands behind numbers of the paper that are recalled, not read (data/paper/README.md), a "." where a run was not
made. Where the paper does not say how it counted, every way is printed (`fcn_repro.evaluation.class_subsets`, `fcn_repro.evaluation.metrics`).
Shortened runs and mini experiments are labelled: their numbers reproduce nothing.

Reads    data/paper/*.csv, build/*/score.json, build/*/*.score.json
Exit     0
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from fcn_repro.analysis.paper_tables import Counting, Table, countings, measured, metric_name, standing, tables
from fcn_repro.evaluation.metrics import METRICS
from tools import program

LABEL, CELL = 51, 11  # widths in characters
MINI = "mini"  # the mini experiments' names begin with it
MINI_TITLE = "Mini experiments: the embedded data set, not PASCAL VOC; to be compared with one another only"


@dataclass(frozen=True)
class Line:
    """A row of the paper, or of ours: a value per metric."""

    label: str
    values: Sequence[str]
    note: str = ""


def main(options: argparse.Namespace) -> None:
    reports = measured()
    for table in tables():
        print(f"\n{table.title} ({table.edition}{', ' + table.split if table.split else ''})")
        print("\n".join(_side_by_side(table, reports) if table.is_wide else _listed(table, reports)))
    cited = {cell.experiment for table in tables() for cell in table.cells}
    others = [report for report in reports if report["experiment"] not in cited]
    for title, is_mini in (("Runs that no table of the paper has", False), (MINI_TITLE, True)):
        group = [report for report in others if report["experiment"].startswith(MINI) == is_mini]
        if group:
            lines = [line for report in group for line in _ours(report, list(METRICS))]
            print("\n".join(["", title, *_aligned(lines, list(METRICS))]))


def _side_by_side(table: Table, reports: Sequence[dict]) -> list[str]:
    """A line per row with a column per metric, and ours below."""
    metrics, lines = table.metrics, []
    for row, cells in table.rows().items():
        lines.append(Line(f"  {row}", [cells[m].printed if m in cells else "" for m in metrics]))
        for experiment in sorted({cell.experiment for cell in cells.values()}):
            task = next(cell.task for cell in cells.values())
            lines += _answers(experiment, metrics, table.split, reports, task)
    return _aligned(lines, metrics)


def _aligned(lines: Sequence[Line], metrics: Sequence[str]) -> list[str]:
    """Lines under a header."""
    widths = [max(CELL, len(metric_name(metric)) + 2) for metric in metrics]
    return [
        f"{line.label:<{LABEL}}{''.join(f'{cell:>{width}}' for cell, width in zip(line.values, widths))}"
        f"  {line.note}".rstrip()
        for line in [Line("", [metric_name(metric) for metric in metrics]), *lines]
    ]


def _listed(table: Table, reports: Sequence[dict]) -> list[str]:
    """A line per number, and ours below."""
    return [
        f"{line.label:<{LABEL}}{metric_name(cell.metric):<27}{line.values[0]:>7}  {line.note}".rstrip()
        for cell in table.cells
        for line in [
            Line(f"  {cell.row}", [cell.printed], cell.note),
            *_answers(cell.experiment, [cell.metric], table.split, reports),
        ]
    ]


def _answers(
    experiment: str, metrics: Sequence[str], split: str, reports: Sequence[dict], task: str = ""
) -> list[Line]:
    """What we have for a row that `experiment` answers: lines per score, or one of dots; none if nothing does."""
    ours = [report for report in reports if report["experiment"] == experiment]
    runs = [line for report in ours for line in _ours(report, metrics, split, task)]
    return runs or [Line(f"    {experiment}", ["."] * len(metrics))] * bool(experiment)


def _ours(report: Mapping[str, Any], metrics: Sequence[str], split: str = "", task: str = "") -> list[Line]:
    """A line for every way of counting that says something about these metrics, the paper's first."""
    first, *others = countings(report)
    return [
        Line(f"    {report['experiment']}", _values(first, metrics), standing(report, split)),
        *(
            Line(f"      {way.label}", _values(way, metrics))
            for way in others
            if way.is_about(task) and any(way[metric] is not None for metric in metrics)
        ),
    ]


def _values(counting: Counting, metrics: Sequence[str]) -> list[str]:
    values = [counting[metric] for metric in metrics]
    return ["." if value is None else f"{value:.2f}" for value in values]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sys.exit(program.run(main, parser.parse_args()))
