"""Results of a study: measured numbers beside the paper's, as a table and as JSON.

build/studies/<data>-<study>.json   the fields of `StudyResult`; metrics in percent, null where nothing was measured
build/studies/<data>-<study>.txt    the printed table
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Mapping, Sequence

from fcn_repro.analysis.paper_tables import MISSING, PaperCell, PaperTable, format_scores, read_tables
from fcn_repro.evaluation import metrics
from fcn_repro.evaluation.score_report import headline, read_commit, read_report
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.paths import BUILD
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.training import train_log

STUDIES = BUILD / "studies"
FINAL_ROWS = 5  # rows of the learning curve, of 20 iterations each, that the final loss is averaged over


@dataclass(frozen=True)
class StudyLine:
    """Numbers by column of one run or condition, and what a reader must know of them."""

    label: str
    numbers: Mapping[str, float | None]
    run: str = ""
    iteration: int | None = None
    shortened: bool = False
    note: str = ""


@dataclass(frozen=True)
class StudyResult:
    """A study on a data set."""

    study: str
    title: str
    data: str
    lines: Sequence[StudyLine]
    paper: PaperTable | None = None
    findings: Sequence[PaperCell] = ()
    remarks: Sequence[str] = field(default_factory=tuple)

    @property
    def columns(self) -> list[str]:
        """The measured numbers, then those of the paper's table alone."""
        cells = self.paper.cells if self.paper else ()
        return list(dict.fromkeys([name for line in self.lines for name in line.numbers] + [c.metric for c in cells]))


@dataclass(frozen=True)
class TableRow:
    """A line of a study's table: a text for each column. Lines of the paper stand below those they belong to."""

    label: str
    values: Sequence[str]
    note: str
    is_paper: bool = False


def read_run(run: str, label: str, iteration: int | None = None, build: Path = BUILD) -> StudyLine:
    """Read the result of a run: its final score, or the score at an iteration of its learning curve.

    Columns: the four metrics in percent; `geometric_accuracy` of nets with that head; `loss` in nats per labelled pixel
    over the last 100 iterations; `seconds` of training up to the iteration. Metrics are None if the run was not scored
    at that iteration.
    """
    folder = RunFolder(run, build)
    report = read_report(folder.score)
    curve = train_log.read(folder.log)
    scores: Mapping[str, float | None] = headline(report)
    geometry = report["scores"].get("score_geo")
    if iteration is not None and iteration < report["trained"]:
        row = next((row for row in curve if int(row["iteration"]) == iteration), {})
        scores = {name: float(row[name]) for name in metrics.METRICS if row.get(name)}
    else:
        iteration = report["iteration"]
    past = [row for row in curve if int(row["iteration"]) <= iteration and row["loss_per_pixel"]]
    losses = [float(row["loss_per_pixel"]) for row in past[-FINAL_ROWS:]]
    numbers = {name: to_percent(scores.get(name)) for name in metrics.METRICS}
    if geometry and iteration == report["iteration"]:
        numbers["geometric_accuracy"] = to_percent(geometry["pixel_accuracy"])
    numbers["loss"] = sum(losses) / len(losses) if losses else None
    numbers["seconds"] = float(past[-1]["seconds"]) if past else None
    return StudyLine(label, numbers, run, iteration, bool(report["shortened"]))


def to_percent(value: float | None) -> float | None:
    """Return a fraction in percent; None stays None."""
    return None if value is None else 100 * value


def find_paper_table(name: str) -> PaperTable | None:
    """Return one of the paper's tables by name; None for an empty name."""
    return next(table for table in read_tables() if table.table == name) if name else None


def find_statements(topics: Sequence[str]) -> list[PaperCell]:
    """Return what the papers' text states on some topics."""
    table = find_paper_table("findings")
    return [cell for cell in table.cells if cell.row in topics] if table else []


def list_table_rows(result: Mapping[str, Any]) -> list[TableRow]:
    """List the lines of a study's table; `result` is built like its JSON."""
    columns, paper = result["columns"], result.get("paper") or {}
    rows = []
    for line in result["lines"]:
        numbers = [_format_number(line["numbers"][name]) if name in line["numbers"] else "" for name in columns]
        rows.append(TableRow(line["label"], numbers, describe_line(line)))
        cells = {
            cell["metric"]: cell["value"] + "?" * (cell["sure"] == "MEM")
            for cell in paper.get("cells", [])
            if cell["row"] == line["label"]
        }
        if cells:
            values = [cells.get(name, "") for name in columns]
            rows.append(TableRow(f"paper, {paper.get('split', '')}", values, "", is_paper=True))
    return rows


def describe_line(line: Mapping[str, Any]) -> str:
    """Describe the run of a line, whether it was shortened, and its note."""
    run, iteration = line.get("run"), line.get("iteration")
    after = f"{run} after {iteration:,} iterations" if run and iteration is not None else ""
    return "; ".join(filter(None, [after, "SHORTENED" * bool(line.get("shortened")), line.get("note")]))


def format_study(result: StudyResult, format: str = "text") -> list[str]:
    """Format a study as lines: title, a table with the paper's rows below ours, statements of the paper, remarks."""
    rows = list_table_rows(_to_json(result))
    cells = [("  " * row.is_paper + row.label, *row.values, row.note) for row in rows]
    lines = [f"{result.study}, measured on {result.data}: {result.title}"]
    lines += format_scores(cells, result.columns, format).splitlines()
    for cell in result.findings:
        lines.append(f"  paper ({cell.sure}), {cell.row}: {cell.value + ' ' if cell.value else ''}{cell.note}")
    return lines + [f"  {remark}" for remark in result.remarks]


def write_study(result: StudyResult, build: Path = BUILD) -> Path:
    """Write a study's JSON and text under build/studies; returns the JSON's path."""
    path = build / STUDIES.name / f"{result.data}-{result.study}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        json.dump({**_to_json(result), "commit": read_commit()}, file, indent=1)
    with atomic_write(path.with_suffix(".txt")) as file:
        file.write("\n".join([*format_study(result), ""]))
    return path


def _to_json(result: StudyResult) -> dict[str, Any]:
    return {**asdict(result), "columns": result.columns}


def _format_number(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3g}" if 0 < abs(value) < 1 else f"{value:,.2f}"
