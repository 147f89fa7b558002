"""Print every score found under build/ beside the paper's tables.

    python -m tools.compare

A "?" stands behind numbers of the paper that are recalled, not read (data/paper/README.md), a "." where a run was not
made. Shortened runs and mini experiments are labelled: their numbers reproduce nothing.

Reads    data/paper/*.csv, build/*/score.json, build/*/*.score.json
Exit     0
"""

from __future__ import annotations

import argparse
import sys
from typing import Any, Mapping, Sequence

from fcn_repro.metrics import METRICS
from fcn_repro.paper import Cell, Table, measured, tables, value_of
from tools import program

LABEL, CELL = 36, 11  # widths in characters
WIDEST = 5  # metrics that are set side by side; tables with more are printed as lists
MINI = "mini"  # the mini experiments' names begin with it
MINI_TITLE = "Mini experiments: the embedded data set, not PASCAL VOC; to be compared with one another only"


def main(options: argparse.Namespace) -> None:
    reports = measured()
    for table in tables():
        print(f"\n{table.title} ({table.edition}{', ' + table.split if table.split else ''})")
        print("\n".join(_side_by_side(table, reports) if len(_metrics(table)) <= WIDEST else _listed(table)))
    cited = {cell.experiment for table in tables() for cell in table.cells}
    others = [report for report in reports if report["experiment"] not in cited]
    for title, is_mini in (("Runs that no table of the paper has", False), (MINI_TITLE, True)):
        group = [report for report in others if report["experiment"].startswith(MINI) == is_mini]
        if group:
            print("\n".join(["", title, _header(list(METRICS)), *(_ours(report, list(METRICS)) for report in group)]))


def _side_by_side(table: Table, reports: Sequence[dict]) -> list[str]:
    metrics = _metrics(table)
    lines = [_header(metrics)]
    for row in dict.fromkeys(cell.row for cell in table.cells):
        cells = {cell.metric: cell for cell in table.cells if cell.row == row}
        lines.append(_line(f"  {row}", [_printed(cells[m]) if m in cells else "" for m in metrics], metrics))
        for experiment in sorted({cell.experiment for cell in cells.values()} - {""}):
            runs = [report for report in reports if report["experiment"] == experiment]
            lines += [_ours(report, metrics, table.split) for report in runs]
            if not runs:
                lines.append(_line(f"    {experiment}", ["."] * len(metrics), metrics))
    return lines


def _listed(table: Table) -> list[str]:
    return [f"  {c.row:<{LABEL}}{_name(c.metric):<27}{_printed(c):>7}  {c.note}".rstrip() for c in table.cells]


def _metrics(table: Table) -> list[str]:
    """The table's metrics, the four that are scored here first."""
    found = dict.fromkeys(cell.metric for cell in table.cells)
    return [metric for metric in METRICS if metric in found] + [metric for metric in found if metric not in METRICS]


def _name(metric: str) -> str:
    return metric.replace("_accuracy", " acc.").replace("_iu", " IU").replace("fw", "f.w.").replace("_", " ")


def _printed(cell: Cell) -> str:
    return cell.value + ("?" if cell.is_recalled else "")


def _ours(report: Mapping[str, Any], metrics: Sequence[str], split: str = "") -> str:
    values = [value_of(report, metric) for metric in metrics]
    printed = ["." if value is None else f"{value:.2f}" for value in values]
    return _line(f"    {report['experiment']}", printed, metrics, _standing(report, split))


def _standing(report: Mapping[str, Any], split: str) -> str:
    """Whose weights they are, and what keeps the score from being compared as it is."""
    notes = []
    if report["shortened"]:
        notes.append(f"SHORTENED: {report['trained']:,} of {report['recipe']:,} iterations")
    if report["trained"] is None:
        notes.append(f"weights {report['weights']['file']}")
    if split and report["split"] != split:
        notes.append(f"scored on {report['images']} images of {report['split']}")
    return "; ".join(notes)


def _header(metrics: Sequence[str]) -> str:
    return _line("", [_name(metric) for metric in metrics], metrics)


def _line(label: str, cells: Sequence[str], metrics: Sequence[str], note: str = "") -> str:
    """A label, and a cell under each metric's name."""
    widths = [max(CELL, len(_name(metric)) + 2) for metric in metrics]
    return f"{label:<{LABEL}}{''.join(f'{cell:>{width}}' for cell, width in zip(cells, widths))}  {note}".rstrip()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sys.exit(program.run(main, parser.parse_args()))
