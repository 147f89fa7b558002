"""What a study found: lines with measured numbers beside the paper's, as a table and as JSON.

build/studies/<data>-<study>.json   the fields of `Outcome`; metrics in percent, null where nothing was measured
build/studies/<data>-<study>.txt    what was printed
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Mapping, Sequence

from fcn_repro.analysis.paper_tables import Cell, Table, tables
from fcn_repro.evaluation import metrics
from fcn_repro.evaluation.score_report import commit, headline, read_report
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.paths import BUILD
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.training import train_log

STUDIES = BUILD / "studies"
LAST = 5  # rows of the learning curve, 20 iterations each, that the final loss is averaged over
LABEL, WIDTH = 38, 11  # characters, at least


@dataclass(frozen=True)
class Found:
    """A line: numbers by column, and what must be known to read them."""

    label: str
    numbers: Mapping[str, float | None]
    run: str = ""
    iteration: int | None = None
    shortened: bool = False
    note: str = ""


@dataclass(frozen=True)
class Outcome:
    """A study on a data set."""

    study: str
    title: str
    data: str
    lines: Sequence[Found]
    paper: Table | None = None
    findings: Sequence[Cell] = ()
    remarks: Sequence[str] = field(default_factory=tuple)

    @property
    def columns(self) -> list[str]:
        """What is measured, or printed in the paper's table."""
        cells = self.paper.cells if self.paper else ()
        return list(dict.fromkeys([name for line in self.lines for name in line.numbers] + [c.metric for c in cells]))


def found(run: str, label: str, iteration: int | None = None, build: Path = BUILD) -> Found:
    """What a run came to: as it was handed on, or at an iteration of its learning curve.

    Columns are the four metrics in percent, `loss`, in nats per pixel that counts, over the last 100 iterations, and
    the `seconds` that training took up to there. Where the curve has no score at that iteration, there is none.
    """
    folder = RunFolder(run, build)
    report = read_report(folder.score)
    curve = train_log.read(folder.log)
    scores: Mapping[str, float | None] = headline(report)
    if iteration is not None and iteration < report["trained"]:
        row = next((row for row in curve if int(row["iteration"]) == iteration), {})
        scores = {name: float(row[name]) for name in metrics.METRICS if row.get(name)}
    else:
        iteration = report["iteration"]
    upto = [row for row in curve if int(row["iteration"]) <= iteration and row["loss_per_pixel"]]
    losses = [float(row["loss_per_pixel"]) for row in upto[-LAST:]]
    numbers = {name: percent(scores.get(name)) for name in metrics.METRICS}
    numbers["loss"] = sum(losses) / len(losses) if losses else None
    numbers["seconds"] = float(upto[-1]["seconds"]) if upto else None
    return Found(label, numbers, run, iteration, bool(report["shortened"]))


def percent(value: float | None) -> float | None:
    """A fraction in percent; None stays None."""
    return None if value is None else 100 * value


def paper_table(name: str) -> Table | None:
    """One of the paper's tables; None for no name."""
    return next(table for table in tables() if table.table == name) if name else None


def findings(rows: Sequence[str]) -> list[Cell]:
    """What the papers' text says on some topics."""
    table = paper_table("findings")
    return [cell for cell in table.cells if cell.row in rows] if table else []


def printed(outcome: Outcome) -> list[str]:
    """The outcome as text: a line of the paper under each of ours, then what the text says."""
    columns = outcome.columns
    widths = [max(WIDTH, len(_name(column)) + 2) for column in columns]
    lines = [
        f"{outcome.study}, measured on {outcome.data}: {outcome.title}",
        _line("", [_name(column) for column in columns], widths),
    ]
    for found in outcome.lines:
        numbers = [_number(found.numbers[column]) if column in found.numbers else "" for column in columns]
        lines.append(_line(f"  {found.label}", numbers, widths, _standing(found)))
        cells = {cell.metric: cell for cell in outcome.paper.cells if cell.row == found.label} if outcome.paper else {}
        if outcome.paper and cells:
            values = [f"{cells[c].value}{'?' * cells[c].is_recalled}" if c in cells else "" for c in columns]
            lines.append(_line(f"    paper, {outcome.paper.split}", values, widths))
    for cell in outcome.findings:
        lines.append(f"  paper ({cell.sure}), {cell.row}: {cell.value + ' ' if cell.value else ''}{cell.note}")
    return lines + [f"  {remark}" for remark in outcome.remarks]


def write(outcome: Outcome, build: Path = BUILD) -> Path:
    """Leave an outcome under build/studies; returns the JSON's path."""
    path = build / STUDIES.name / f"{outcome.data}-{outcome.study}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        json.dump({**asdict(outcome), "columns": outcome.columns, "commit": commit()}, file, indent=1)
    with atomic_write(path.with_suffix(".txt")) as file:
        file.write("\n".join([*printed(outcome), ""]))
    return path


def _standing(line: Found) -> str:
    notes = [f"{line.run} after {line.iteration:,} iterations"] if line.run and line.iteration is not None else []
    return "; ".join([*notes, *["SHORTENED"] * line.shortened, *[line.note] * bool(line.note)])


def _line(label: str, cells: Sequence[str], widths: Sequence[int], note: str = "") -> str:
    return f"{label:{LABEL}}{''.join(f'{cell:>{width}}' for cell, width in zip(cells, widths))}  {note}".rstrip()


def _name(column: str) -> str:
    short = {"pixel_accuracy": "pixel acc.", "mean_accuracy": "mean acc.", "mean_iu": "mean IU", "fw_iu": "f.w. IU"}
    return short.get(column, column.replace("_", " "))


def _number(value: float | None) -> str:
    return "." if value is None else f"{value:.3g}" if 0 < abs(value) < 1 else f"{value:,.2f}"
