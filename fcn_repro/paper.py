"""The paper's tables, data/paper/*.csv, and the scores measured here that answer them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

from fcn_repro.folder import BUILD
from fcn_repro.report import headline, read_report

FOLDER = Path("data/paper")


@dataclass(frozen=True)
class Cell:
    """One number of the paper."""

    row: str
    metric: str
    value: str  # as printed, in percent if it is a score; empty for a claim without a number
    sure: str  # where it was read; data/paper/README.md explains the tags
    experiment: str  # the run that answers it, or empty
    note: str

    @property
    def is_recalled(self) -> bool:
        """Whether the number was read nowhere, but recalled."""
        return self.sure == "MEM"


@dataclass(frozen=True)
class Table:
    """One table of the paper."""

    table: str
    title: str
    edition: str
    split: str
    cells: tuple[Cell, ...]


def tables(folder: Path = FOLDER) -> list[Table]:
    """All tables, in the paper's order."""
    return [
        Table(cells=tuple(Cell(**cell) for cell in _rows(folder / f"{facts['table']}.csv")), **facts)
        for facts in _rows(folder / "tables.csv")
    ]


def measured(build: Path = BUILD) -> list[dict]:
    """Every score report under `build`: of finished runs (score.json) and of other weights (NAME.score.json)."""
    return [read_report(path) for path in sorted([*build.glob("*/score.json"), *build.glob("*/*.score.json")])]


def value_of(report: Mapping[str, Any], metric: str) -> float | None:
    """A report's value, in percent, of one of the paper's metrics; None if it has no such metric."""
    if metric == "geometric_accuracy":
        metric, score = "pixel_accuracy", report["scores"].get("score_geo", {})
    else:
        score = headline(report)
    value = score.get(metric)
    return None if value is None else 100 * value


def _rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
