"""Print every score found under build/ beside the paper's tables.

    python -m tools.compare

A "?" stands behind numbers of the paper that are recalled, not read (data/paper/README.md), a "." where a run was not
made. Where the paper does not say how it counted, every way is printed (`fcn_repro.subsets`, `fcn_repro.metrics`).
Shortened runs and mini experiments are labelled: their numbers reproduce nothing.

Reads    data/paper/*.csv, build/*/score.json, build/*/*.score.json
Exit     0
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from fcn_repro.metrics import METRICS
from fcn_repro.paper import Cell, Counting, Table, countings, measured, tables
from fcn_repro.report import headline
from tools import program

LABEL, CELL = 51, 11  # widths in characters
WIDEST = 5  # metrics that are set side by side; tables with more are printed as lists
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
        print("\n".join(_side_by_side(table, reports) if len(_metrics(table)) <= WIDEST else _listed(table, reports)))
    cited = {cell.experiment for table in tables() for cell in table.cells}
    others = [report for report in reports if report["experiment"] not in cited]
    for title, is_mini in (("Runs that no table of the paper has", False), (MINI_TITLE, True)):
        group = [report for report in others if report["experiment"].startswith(MINI) == is_mini]
        if group:
            lines = [line for report in group for line in _ours(report, list(METRICS))]
            print("\n".join(["", title, *_aligned(lines, list(METRICS))]))


def _side_by_side(table: Table, reports: Sequence[dict]) -> list[str]:
    """A line per row with a column per metric, and ours below."""
    metrics, lines = _metrics(table), []
    for row in dict.fromkeys(cell.row for cell in table.cells):
        cells = {cell.metric: cell for cell in table.cells if cell.row == row}
        lines.append(Line(f"  {row}", [_printed(cells[m]) if m in cells else "" for m in metrics]))
        for experiment in sorted({cell.experiment for cell in cells.values()}):
            lines += _answers(experiment, metrics, table.split, reports)
    return _aligned(lines, metrics)


def _aligned(lines: Sequence[Line], metrics: Sequence[str]) -> list[str]:
    """Lines under a header."""
    widths = [max(CELL, len(_name(metric)) + 2) for metric in metrics]
    return [
        f"{line.label:<{LABEL}}{''.join(f'{cell:>{width}}' for cell, width in zip(line.values, widths))}"
        f"  {line.note}".rstrip()
        for line in [Line("", [_name(metric) for metric in metrics]), *lines]
    ]


def _listed(table: Table, reports: Sequence[dict]) -> list[str]:
    """A line per number, and ours below."""
    return [
        f"{line.label:<{LABEL}}{_name(cell.metric):<27}{line.values[0]:>7}  {line.note}".rstrip()
        for cell in table.cells
        for line in [
            Line(f"  {cell.row}", [_printed(cell)], cell.note),
            *_answers(cell.experiment, [cell.metric], table.split, reports),
        ]
    ]


def _answers(experiment: str, metrics: Sequence[str], split: str, reports: Sequence[dict]) -> list[Line]:
    """What we have for a row that `experiment` answers: lines per score, or one of dots; none if nothing does."""
    runs = [line for report in reports if report["experiment"] == experiment for line in _ours(report, metrics, split)]
    return runs or [Line(f"    {experiment}", ["."] * len(metrics))] * bool(experiment)


def _ours(report: Mapping[str, Any], metrics: Sequence[str], split: str = "") -> list[Line]:
    """A line for every way of counting that says something about these metrics, the paper's first."""
    first, *others = countings(report)
    return [
        Line(f"    {report['experiment']}", _values(first, metrics), _standing(report, split)),
        *(
            Line(f"      {way.label}", _values(way, metrics))
            for way in others
            if any(way[metric] is not None for metric in metrics)
        ),
    ]


def _values(counting: Counting, metrics: Sequence[str]) -> list[str]:
    values = [counting[metric] for metric in metrics]
    return ["." if value is None else f"{value:.2f}" for value in values]


def _standing(report: Mapping[str, Any], split: str) -> str:
    """Whose weights they are, and what keeps the score from being compared as it is."""
    notes = []
    if report["shortened"]:
        notes.append(f"SHORTENED: {report['trained']:,} of {report['recipe']:,} iterations")
    if report["trained"] is None:
        notes.append(f"weights {report['weights']['file']}")
    score = headline(report)
    if score.get("classes_in_truth", len(score["classes"])) < len(score["classes"]):
        notes.append(f"{score['classes_in_truth']} of {len(score['classes'])} classes occur")
    if split and report["split"] != split:
        notes.append(f"scored on {report['images']} images of {report['split']}")
    return "; ".join(notes)


def _metrics(table: Table) -> list[str]:
    """The table's metrics, the four that are scored here first."""
    found = dict.fromkeys(cell.metric for cell in table.cells)
    return [metric for metric in METRICS if metric in found] + [metric for metric in found if metric not in METRICS]


def _name(metric: str) -> str:
    return metric.replace("_accuracy", " acc.").replace("_iu", " IU").replace("fw", "f.w.").replace("_", " ")


def _printed(cell: Cell) -> str:
    return cell.value + ("?" if cell.is_recalled else "")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sys.exit(program.run(main, parser.parse_args()))
