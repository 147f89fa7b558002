"""The paper's tables, data/paper/*.csv, and the scores of this project that answer their rows.

`compare_rows` joins both; `format_comparison` prints the result, and fcn_repro/analysis/html_report shows it.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Iterator, Mapping, Sequence

from fcn_repro.evaluation.class_subsets import WAYS
from fcn_repro.evaluation.metrics import METRICS
from fcn_repro.evaluation.score_report import headline, is_trained_elsewhere, list_origins, read_report
from fcn_repro.paths import BUILD, find_table
from fcn_repro.system.text_table import format_table

FOLDER = Path("data/paper")
MAX_WIDE_METRICS = 5  # a table of at most as many metrics has a column for each
MISSING = "."  # a number that is not measured


@dataclass(frozen=True)
class PaperCell:
    """One number of the paper.

    value        as printed, in percent if it is a score; empty for a claim without a number
    sure         where it was read: a tag of data/paper/README.md
    experiment   the run that answers it, or empty
    task         the class subset that it is about; empty for all classes, or if the paper names one task only
    """

    row: str
    metric: str
    value: str
    sure: str
    experiment: str
    note: str
    task: str = ""

    @property
    def is_recalled(self) -> bool:
        """Whether the number was recalled and not read."""
        return self.sure == "MEM"

    @property
    def printed(self) -> str:
        """The number, with a question mark if it is recalled."""
        return self.value + "?" * self.is_recalled


@dataclass(frozen=True)
class PaperTable:
    """One table of the paper."""

    table: str
    title: str
    edition: str
    split: str
    cells: tuple[PaperCell, ...]

    @property
    def metrics(self) -> list[str]:
        """Its metrics; the four that every run is scored by come first."""
        found = dict.fromkeys(cell.metric for cell in self.cells)
        return [metric for metric in METRICS if metric in found] + [metric for metric in found if metric not in METRICS]

    @property
    def is_wide(self) -> bool:
        """Whether it is shown with a column for each metric, not a line for each number."""
        return len(self.metrics) <= MAX_WIDE_METRICS

    def rows(self) -> dict[str, dict[str, PaperCell]]:
        """Cells by metric, by label of the row."""
        labels = dict.fromkeys(cell.row for cell in self.cells)
        return {label: {cell.metric: cell for cell in self.cells if cell.row == label} for label in labels}


def read_tables(folder: Path = FOLDER) -> list[PaperTable]:
    """Read all tables, in the paper's order."""
    folder = find_table(folder)
    return [
        PaperTable(cells=tuple(PaperCell(**cell) for cell in _read_csv(folder / f"{facts['table']}.csv")), **facts)
        for facts in _read_csv(folder / "tables.csv")
    ]


def find_reports(build: Path = BUILD) -> list[Path]:
    """Find the score reports under `build`: of runs (score.json) and of other weights (NAME.score.json)."""
    return sorted([*build.glob("*/score.json"), *build.glob("*/*.score.json")])


def read_reports(build: Path = BUILD) -> list[dict]:
    """Read every score report under `build`."""
    return [read_report(path) for path in find_reports(build)]


@dataclass(frozen=True)
class ScoreVariant:
    """A report's scores, counted in one of several ways.

    label    the way of counting; empty for the paper's: every class of the truth, every labelled pixel
    task     the class subset that is counted; empty for all classes
    scores   by the paper's metric, 0 to 1
    """

    label: str
    task: str
    scores: Mapping[str, float | None]

    def __getitem__(self, metric: str) -> float | None:
        """The value in percent; None where it is undefined or not counted in this way."""
        value = self.scores.get(metric)
        return None if value is None else 100 * value

    def answers(self, cells: Iterable[PaperCell]) -> bool:
        """Whether it has a value to compare with one of the paper's numbers."""
        return any(self[c.metric] is not None and (not (self.task and c.task) or self.task == c.task) for c in cells)


def list_variants(report: Mapping[str, Any]) -> Iterator[ScoreVariant]:
    """List a report's scores: counted as the paper counts, then in every way that the paper may have meant."""
    score = headline(report)
    geometry = report["scores"].get("score_geo", {})
    yield ScoreVariant("", "", {**score, "geometric_accuracy": geometry.get("pixel_accuracy")})
    if score.get("mean_iu_reference") != score.get("mean_iu"):
        yield ScoreVariant("as the reference's script counts", "", {"mean_iu": score["mean_iu_reference"]})
    for name, ways in score.get("subsets", {}).items():
        for way, values in ways.items():
            yield ScoreVariant(f"{name}, {WAYS[way]}", name, values)


def format_metric(metric: str) -> str:
    """Return a metric's name in print."""
    return metric.replace("_accuracy", " acc.").replace("_iu", " IU").replace("fw", "f.w.").replace("_", " ")


def describe_caveats(report: Mapping[str, Any], split: str = "") -> str:
    """Describe what keeps a report from being compared with scores on `split`; empty if nothing does."""
    notes = []
    if report["shortened"]:
        notes.append(f"SHORTENED: {report['trained']:,} of {report['recipe']:,} iterations")
    notes += list_origins(report)
    if report["trained"] is None:
        notes.append(f"weights {report['weights']['file']}")
    if report["split"] == "test" and report.get("chosen"):
        notes.append("best of its snapshots on test")
    score = headline(report)
    if score.get("classes_in_truth", len(score["classes"])) < len(score["classes"]):
        notes.append(f"{score['classes_in_truth']} of {len(score['classes'])} classes occur")
    if split and report["split"] != split:
        notes.append(f"scored on {report['images']} images of {report['split']}")
    return "; ".join(notes)


@dataclass(frozen=True)
class Answer:
    """Scores measured here for a row of the paper.

    Comparable unless shortened, trained elsewhere or of another split
    """

    label: str
    note: str
    scores: ScoreVariant
    is_comparable: bool


Answers = Mapping[str, Sequence[Answer]]


@dataclass(frozen=True)
class ComparisonRow:
    """A row of a paper's table, or one of its numbers: cells by metric, answers, and experiments that were not run."""

    label: str
    cells: Mapping[str, PaperCell]
    answers: Sequence[Answer]
    missing: Sequence[str]
    note: str


def list_answers(report: Mapping[str, Any], split: str) -> Iterator[Answer]:
    """List a report's answers to rows that were scored on `split`, one for every way of counting."""
    note = describe_caveats(report, split)
    is_other_training = report["shortened"] or is_trained_elsewhere(report)
    is_comparable = not is_other_training and (not split or report["split"] == split)
    for i, variant in enumerate(list_variants(report)):
        yield Answer(variant.label or report["experiment"], "" if i else note, variant, is_comparable)


def compare_rows(table: PaperTable, by_experiment: Answers, by_label: Answers | None = None) -> list[ComparisonRow]:
    """Join a table with answers: by the experiment that a cell names, and by a row's label.

    A wide table has a ComparisonRow for each row, any other one for each cell.
    """
    groups = list(table.rows().items()) if table.is_wide else [(c.row, {c.metric: c}) for c in table.cells]
    rows = []
    for label, cells in groups:
        experiments = dict.fromkeys(cell.experiment for cell in cells.values() if cell.experiment)
        candidates = [answer for experiment in experiments for answer in by_experiment.get(experiment, ())]
        candidates += (by_label or {}).get(label, ())
        answers = [answer for answer in candidates if answer.scores.answers(cells.values())]
        note = next((cell.note for cell in cells.values() if cell.note), "")
        rows.append(ComparisonRow(label, cells, answers, [] if answers else list(experiments), note))
    return rows


def format_comparison(table: PaperTable, rows: Sequence[ComparisonRow], format: str = "text") -> str:
    """Format a table of the paper with the measured scores below each row."""
    if table.is_wide:
        lines: list[Sequence[str]] = []
        for row in rows:
            lines.append((row.label, *[row.cells[m].printed if m in row.cells else "" for m in table.metrics], ""))
            lines += _list_lines(row, table.metrics)
        return format_scores(lines, table.metrics, format)
    lines = []
    for row in rows:
        ((metric, cell),) = row.cells.items()
        name = format_metric(metric)
        lines.append((row.label, name, cell.printed, cell.note))
        lines += [(label, name, value, note) for label, value, note in _list_lines(row, [metric])]
    return format_table(lines, ("row", "metric", "value", "note"), format)


def format_answers(answers: Iterable[Answer], metrics: Sequence[str], format: str = "text") -> str:
    """Format scores that no row of the paper names."""
    return format_scores([_make_line(answer, metrics) for answer in answers], metrics, format)


def format_scores(lines: Sequence[Sequence[str]], metrics: Sequence[str], format: str) -> str:
    """Format lines of a label, a value for each metric, and a note; in text the note has its own line."""
    if format == "text":
        blank = [""] * len(metrics)
        notes = [[("      " + note, *blank)] * bool(note) for *_, note in lines]
        lines = [each for (*line, _), below in zip(lines, notes) for each in (line, *below)]
    headers = ["row", *map(format_metric, metrics), *["note"] * (format != "text")]
    return format_table(lines, headers, format)


def _list_lines(row: ComparisonRow, metrics: Sequence[str]) -> list[Sequence[str]]:
    missing: list[Sequence[str]] = [(f"  {experiment}", *[MISSING] * len(metrics), "") for experiment in row.missing]
    return missing or [_make_line(answer, metrics) for answer in row.answers]


def _make_line(answer: Answer, metrics: Sequence[str]) -> Sequence[str]:
    values = [answer.scores[metric] for metric in metrics]
    indent = "    " if answer.scores.label else "  "
    return (
        indent + answer.label,
        *(MISSING if value is None else f"{value:.2f}" for value in values),
        answer.note,
    )


def _read_csv(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
