"""The papers' tables: of every number the paper's, the measured one, and the difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable, Iterator, Mapping, Sequence

from fcn_repro.analysis.html_report.markup import Content, Markup, table, tag
from fcn_repro.analysis.paper_tables import Cell, Counting, Table, countings, metric_name, standing

NEAR = 0.5  # points: what independent repetitions of a recipe differ by, and more (data/paper/README.md)


@dataclass(frozen=True)
class Answer:
    """What was measured for a row, in one way of counting."""

    label: str
    note: str
    values: Counting
    comparable: bool

    def answers(self, cells: Iterable[Cell]) -> bool:
        """Whether it says something about any of these numbers."""
        return any(self.values[cell.metric] is not None and self.values.is_about(cell.task) for cell in cells)


Answers = Mapping[str, Sequence[Answer]]


def paper_table(paper: Table, by_run: Answers, by_row: Answers | None = None) -> Markup:
    """A table, with what runs answer to the rows that name them, and what else there is on rows by their labels."""
    where = ", ".join(filter(None, (paper.edition, paper.split)))
    body = _wide(paper, by_run, by_row or {}) if paper.is_wide else _long(paper, by_run)
    return tag("section", tag("h3", paper.title, " ", tag("small", f"({where})")), body, id=f"paper-{paper.table}")


def answers_of(report: Mapping[str, Any], split: str) -> Iterator[Answer]:
    """A report's answers to rows that were scored on `split`, in every way of counting."""
    note = standing(report, split)
    comparable = not report["shortened"] and (not split or report["split"] == split)
    for i, counting in enumerate(countings(report)):
        yield Answer(counting.label or report["experiment"], note if i == 0 else "", counting, comparable)


def _wide(paper: Table, by_run: Answers, by_row: Answers) -> Markup:
    """A line per row and answer, three columns per metric."""
    metrics = paper.metrics
    groups = [tag("th", metric_name(m), colspan=3, scope="colgroup", class_="group first") for m in metrics]
    titles = [_head("paper", "first"), _head("measured"), _head("diff.")] * len(metrics)
    head = [tag("tr", tag("th", "", rowspan=2), groups), tag("tr", titles)]
    rows = []
    for label, cells in paper.rows().items():
        experiments = dict.fromkeys(cell.experiment for cell in cells.values() if cell.experiment)
        said = [*(a for experiment in experiments for a in by_run.get(experiment, ())), *by_row.get(label, ())]
        found = [answer for answer in said if answer.answers(cells.values())]
        note = next((cell.note for cell in cells.values() if cell.note), "")
        for i, answer in enumerate(found or [None]):
            name: Content = [label if i == 0 else None, _by(answer, experiments, note if i == 0 else "")]
            columns = [_three(cells.get(m), answer, m, again=i > 0) for m in metrics]
            rows.append(tag("tr", tag("th", name, scope="row"), columns))
    return table(head, rows)


def _long(paper: Table, by_run: Answers) -> Markup:
    """A line per number and answer."""
    titles = [tag("th", title) for title in ("row", "metric")]
    numbers = [_head("paper"), _head("measured"), _head("diff.")]
    rows = []
    for cell in paper.cells:
        found = [answer for answer in by_run.get(cell.experiment, ()) if answer.answers([cell])]
        for i, answer in enumerate(found or [None]):
            by = _by(answer, dict.fromkeys(filter(None, [cell.experiment])), "")
            name = tag("th", cell.row if i == 0 else None, by, scope="row")
            metric = tag("td", metric_name(cell.metric) if i == 0 else "", class_="metric")
            note = tag("td", cell.note if i == 0 else "", class_="wide small")
            rows.append(tag("tr", name, metric, _three(cell, answer, cell.metric, again=i > 0), note))
    return table(tag("tr", titles, numbers, tag("th", "note")), rows)


def _by(answer: Answer | None, experiments: Mapping[str, None], note: str) -> Content:
    """What stands below a row's label: who answers it, and how."""
    if answer:
        said = [answer.label, *filter(None, [answer.note])]
    else:
        said = [f"{experiment}: not run" for experiment in experiments]
    return [tag("span", text, class_="by") for text in (*said, *filter(None, [note]))]


def _head(title: str, extra: str = "") -> Markup:
    return tag("th", title, scope="col", class_=f"number {extra}".strip())


def _three(cell: Cell | None, answer: Answer | None, metric: str, again: bool) -> list[Markup]:
    """The columns paper, measured and difference; in further lines of a row the paper's number is not repeated."""
    measured = answer.values[metric] if answer else None
    shown = cell.value if cell and not again else ""
    mark = tag("abbr", "?", title="recalled, not read") if shown and cell and cell.is_recalled else None
    return [
        tag("td", shown, mark, class_="number paper first"),
        tag("td", "" if measured is None else f"{measured:.2f}", class_="number measured"),
        _difference(cell, measured, bool(answer and answer.comparable)),
    ]


def _difference(cell: Cell | None, measured: float | None, comparable: bool) -> Markup:
    try:
        difference = None if cell is None or measured is None else measured - float(cell.value)
    except ValueError:  # the paper claims without a number
        difference = None
    if difference is None:
        return tag("td", class_="number")
    kind = "moot" if not comparable else "near" if abs(difference) <= NEAR else "far"
    return tag("td", f"{difference:+.2f}".replace("-", "\u2212"), class_=f"number {kind}")
