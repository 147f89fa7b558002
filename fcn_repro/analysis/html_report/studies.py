"""Studies beside the paper: build/studies/**/*.json, as analysis/study_results.py writes them, or any other JSON."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

from fcn_repro.analysis.html_report.json_value import is_number
from fcn_repro.analysis.paper_tables import (
    Answer,
    ComparisonRow,
    PaperTable,
    ScoreVariant,
    compare_rows,
    format_metric,
    list_answers,
)
from fcn_repro.analysis.study_results import describe_line, list_table_rows
from fcn_repro.system.untrusted_files import read_text

MAX_BYTES = 8_000_000  # of a file
CELL = ("row", "metric", "value", "sure", "note")  # the texts of a PaperCell
PAPERS_DATA = "voc"  # the data set whose results may be compared with the paper's numbers


def read_results(build: Path) -> tuple[dict[Path, Any], list[str]]:
    """Read the files; returns their values, and the errors of those that cannot be read."""
    found, faults = {}, []
    for path in sorted((build / "studies").rglob("*.json")):
        try:
            found[path] = json.loads(read_text(path, MAX_BYTES))
        except (OSError, ValueError, RecursionError) as error:
            faults.append(f"{path}: {error}")
    return found, faults


def describe_study(path: Path, result: Any) -> Mapping[str, Any]:
    """Collect what the page shows of a study; `rows` is None for JSON of another shape."""
    title = str(result["title"]) if isinstance(result, dict) and "title" in result else path.stem
    rows = list_table_rows(result) if is_study_result(result) else None
    return {"title": title, "name": path.stem, "result": result, "rows": rows}


def is_study_result(result: Any) -> bool:
    """Whether JSON has the fields of `fcn_repro.analysis.study_results.StudyResult`."""
    try:
        numbers = [number for line in result["lines"] for number in line["numbers"].values()]
        lines = [(line["label"], str(line.get("note") or ""), str(line.get("run") or "")) for line in result["lines"]]
        iterations = [line.get("iteration") for line in result["lines"]]
        cells = [*((result.get("paper") or {}).get("cells", [])), *result["findings"]]
        texts = [*result["columns"], *result["remarks"], *(cell[key] for cell in cells for key in CELL)]
        texts += [label for label, *_ in lines]
    except (TypeError, KeyError, AttributeError):
        return False
    are_numbers = all(n is None or is_number(n) for n in [*numbers, *iterations])
    return are_numbers and all(isinstance(each, str) for each in texts)


def list_study_answers(results: Sequence[Any], paper: PaperTable) -> Iterator[tuple[str, Answer]]:
    """List answers of studies to rows of a table of one metric that no run answers; a study may have several."""
    for result in results:
        if not is_study_result(result) or result.get("data") != PAPERS_DATA or len(paper.metrics) != 1:
            continue
        if (result.get("paper") or {}).get("table") == paper.table and not any(c.experiment for c in paper.cells):
            (metric,) = paper.metrics
            for line in result["lines"]:
                for column, number in line["numbers"].items():
                    if number is not None:
                        scores = ScoreVariant(column, "", {metric: number / 100})
                        yield line["label"], Answer(format_metric(column), describe_line(line), scores, True)


def compare(paper: PaperTable, reports: Sequence[dict], results: Sequence[Any]) -> list[ComparisonRow]:
    """Join a table of the paper with the runs and studies that answer it."""
    by_experiment: dict[str, list[Answer]] = defaultdict(list)
    by_label: dict[str, list[Answer]] = defaultdict(list)
    for report in reports:
        by_experiment[report["experiment"]] += list_answers(report, paper.split)
    for label, answer in list_study_answers(results, paper):
        by_label[label].append(answer)
    return compare_rows(paper, by_experiment, by_label if paper.is_wide else None)
