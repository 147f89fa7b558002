"""Side experiments: the JSON files under build/studies/ as `fcn_repro.analysis.study_results` writes them; others as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

from fcn_repro.analysis.html_report.json_value import is_number, shown, text
from fcn_repro.analysis.html_report.markup import Content, Markup, join, table, tag
from fcn_repro.analysis.html_report.paper_tables import Answer
from fcn_repro.analysis.paper_tables import Counting, Table, metric_name

LARGEST = 8_000_000  # bytes of a file
CELL = ("row", "metric", "value", "sure", "note")  # the texts of a cell of the paper's tables
PAPERS_DATA = "voc"  # the data set whose outcomes may be set beside the paper's numbers


def results(build: Path) -> tuple[dict[Path, Any], list[str]]:
    """What the files hold, and what is wrong with those that cannot be read."""
    found, faults = {}, []
    for path in sorted((build / "studies").rglob("*.json")):
        try:
            if path.stat().st_size > LARGEST:
                raise ValueError(f"{path.stat().st_size:,} bytes; expected at most {LARGEST:,}")
            found[path] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            faults.append(f"{path}: {error}")
    return found, faults


def studies(found: Mapping[Path, Any]) -> Markup:
    """The section of the page."""
    none = tag("p", "None were run yet: make mini-paper")
    return join([tag("h2", "Studies", id="studies"), [study(path, result) for path, result in found.items()] or none])


def study(path: Path, result: Any) -> Markup:
    """One of them."""
    title = str(result["title"]) if isinstance(result, dict) and "title" in result else path.stem
    body = _outcome(result) if is_outcome(result) else shown(result)
    return tag("section", tag("h3", title, " ", tag("small", path.stem)), body)


def is_outcome(result: Any) -> bool:
    """Whether it is built as the fields of `fcn_repro.analysis.study_results.Outcome` are."""
    try:
        lines = [(str(line["label"]), list(line["numbers"].values())) for line in result["lines"]]
        numbers = [number for _, line in lines for number in line]
        cells = [*((result.get("paper") or {}).get("cells", [])), *result["findings"]]
        texts = [*result["columns"], *result["remarks"], *(cell[key] for cell in cells for key in CELL)]
    except (TypeError, KeyError, AttributeError):
        return False
    return all(n is None or is_number(n) for n in numbers) and all(isinstance(each, str) for each in texts)


def answers(results: Sequence[Any], paper: Table) -> Iterator[tuple[str, Answer]]:
    """The rows of a table of one metric that no run, but a study, answers; a study may measure it in several ways."""
    for result in results:
        if not is_outcome(result) or result.get("data") != PAPERS_DATA or len(paper.metrics) != 1:
            continue
        if (result.get("paper") or {}).get("table") == paper.table and not any(c.experiment for c in paper.cells):
            (metric,) = paper.metrics
            for line in result["lines"]:
                for column, number in line["numbers"].items():
                    if number is not None:
                        counting = Counting(column, "", {metric: number / 100})
                        yield line["label"], Answer(metric_name(column), _standing(line), counting, True)


def _outcome(result: Mapping[str, Any]) -> Markup:
    """A table of what was measured, the paper's numbers below each line; then what the papers' text says."""
    columns, paper = result["columns"], result.get("paper") or {}
    head = tag("tr", tag("th", ""), [tag("th", metric_name(c), scope="col", class_="number") for c in columns])
    rows = []
    for line in result["lines"]:
        numbers = [_number(line["numbers"].get(column)) for column in columns]
        label = [line["label"], tag("span", _standing(line), class_="by")]
        rows.append(tag("tr", tag("th", label, scope="row"), numbers))
        cells = {cell["metric"]: cell for cell in paper.get("cells", []) if cell["row"] == line["label"]}
        if cells:
            where = tag("th", tag("span", f"paper, {paper.get('split', '')}", class_="by"), scope="row")
            rows.append(tag("tr", where, [_papers(cells.get(column)) for column in columns]))
    said = [
        tag("li", f"The paper ({cell['sure']}), {cell['row']}: ", tag("b", cell["value"]), " ", cell["note"])
        for cell in result["findings"]
    ]
    remarks = [tag("li", remark) for remark in result["remarks"]]
    about = f"measured on {text(result.get('data'))}, commit {text(result.get('commit'))}"
    return join([table(head, rows), tag("ul", said, remarks, tag("li", about), class_="small")])


def _standing(line: Mapping[str, Any]) -> str:
    run, iteration = line.get("run"), line.get("iteration")
    after = f"{run} after {text(iteration)} iterations" if run else ""
    return "; ".join(filter(None, [after, "SHORTENED" if line.get("shortened") else "", str(line.get("note") or "")]))


def _number(value: float | None) -> Markup:
    said = "" if value is None else f"{value:.3g}" if 0 < abs(value) < 1 else f"{value:,.2f}"
    return tag("td", said, class_="number measured")


def _papers(cell: Mapping[str, str] | None) -> Markup:
    recalled = cell is not None and cell["sure"] == "MEM"
    mark: Content = tag("abbr", "?", title="recalled, not read") if recalled else None
    return tag("td", cell["value"] if cell else "", mark, class_="number paper")
