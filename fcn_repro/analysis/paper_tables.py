"""The paper's tables, data/paper/*.csv, and the scores measured here that answer them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Mapping

from fcn_repro.evaluation.class_subsets import WAYS
from fcn_repro.evaluation.metrics import METRICS
from fcn_repro.evaluation.score_report import headline, read_report
from fcn_repro.paths import BUILD, find_table

FOLDER = Path("data/paper")
WIDEST = 5  # metrics that are set side by side


@dataclass(frozen=True)
class Cell:
    """One number of the paper."""

    row: str
    metric: str
    value: str  # as printed, in percent if it is a score; empty for a claim without a number
    sure: str  # where it was read; data/paper/README.md explains the tags
    experiment: str  # the run that answers it, or empty
    note: str
    task: str = ""  # the subset of the classes that it is about; empty: all, or the paper tells of one task alone

    @property
    def is_recalled(self) -> bool:
        """Whether the number was read nowhere, but recalled."""
        return self.sure == "MEM"

    @property
    def printed(self) -> str:
        """The number, with a question mark if it is only recalled."""
        return self.value + ("?" if self.is_recalled else "")


@dataclass(frozen=True)
class Table:
    """One table of the paper."""

    table: str
    title: str
    edition: str
    split: str
    cells: tuple[Cell, ...]

    @property
    def metrics(self) -> list[str]:
        """The metrics it has, the four that every run is scored by first."""
        found = dict.fromkeys(cell.metric for cell in self.cells)
        return [metric for metric in METRICS if metric in found] + [metric for metric in found if metric not in METRICS]

    @property
    def is_wide(self) -> bool:
        """Whether its metrics have room side by side; those of others are listed."""
        return len(self.metrics) <= WIDEST

    def rows(self) -> dict[str, dict[str, Cell]]:
        """By label of a row, its cells by metric."""
        labels = dict.fromkeys(cell.row for cell in self.cells)
        return {label: {cell.metric: cell for cell in self.cells if cell.row == label} for label in labels}


def tables(folder: Path = FOLDER) -> list[Table]:
    """All tables, in the paper's order."""
    folder = find_table(folder)
    return [
        Table(cells=tuple(Cell(**cell) for cell in _rows(folder / f"{facts['table']}.csv")), **facts)
        for facts in _rows(folder / "tables.csv")
    ]


def measured(build: Path = BUILD) -> list[dict]:
    """Every score report under `build`: of finished runs (score.json) and of other weights (NAME.score.json)."""
    return [read_report(path) for path in sorted([*build.glob("*/score.json"), *build.glob("*/*.score.json")])]


@dataclass(frozen=True)
class Counting:
    """A report's scores, counted in one of several ways."""

    label: str  # empty for the paper's way: every class of the truth, every pixel that has one
    task: str  # the subset of the classes that is counted; empty: all
    scores: Mapping[str, float | None]  # by the paper's metric, 0 to 1

    def __getitem__(self, metric: str) -> float | None:
        """The value in percent; None where it is undefined, or not counted in this way."""
        value = self.scores.get(metric)
        return None if value is None else 100 * value

    def is_about(self, task: str) -> bool:
        """Whether it is to be set beside a number of the paper on a task."""
        return not (self.task and task) or self.task == task


def countings(report: Mapping[str, Any]) -> Iterator[Counting]:
    """A report's scores as the paper counts them, then, where the paper is unclear or others count otherwise, those."""
    score = headline(report)
    geometry = report["scores"].get("score_geo", {})
    yield Counting("", "", {**score, "geometric_accuracy": geometry.get("pixel_accuracy")})
    if score.get("mean_iu_reference") != score.get("mean_iu"):
        yield Counting("as the reference's script counts", "", {"mean_iu": score["mean_iu_reference"]})
    for name, ways in score.get("subsets", {}).items():
        for way, values in ways.items():
            yield Counting(f"{name}, {WAYS[way]}", name, values)


def metric_name(metric: str) -> str:
    """What a metric is called in print."""
    return metric.replace("_accuracy", " acc.").replace("_iu", " IU").replace("fw", "f.w.").replace("_", " ")


def standing(report: Mapping[str, Any], split: str = "") -> str:
    """Whose weights a report is of, and what keeps it from being compared, as it is, with scores on `split`."""
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


def _rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
