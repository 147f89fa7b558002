"""The page: what lies under build/, rendered by templates/page.html.j2."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Sequence

from fcn_repro.analysis.html_report import json_value
from fcn_repro.analysis.html_report.runs import describe_run
from fcn_repro.analysis.html_report.studies import compare, describe_study, read_results
from fcn_repro.analysis.paper_tables import (
    MISSING,
    Answer,
    PaperCell,
    PaperTable,
    find_reports,
    format_metric,
)
from fcn_repro.drawing import web_page
from fcn_repro.errors import DataError
from fcn_repro.evaluation.metrics import METRICS
from fcn_repro.evaluation.score_report import read_commit, read_untrusted_report

TEMPLATES = Path(__file__).parent / "templates"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"  # nothing may run or be fetched
TITLE = "Fully convolutional networks, reproduced: what was measured"
MINI = "mini"  # prefix of the mini experiments
NEAR = 0.5  # points: more than independent repetitions of a recipe differ by (data/paper/README.md)


def render_page(build: Path, papers: Sequence[PaperTable]) -> str:
    """Render the page as a whole file."""
    reports, faults = read_reports(build)
    results, more_faults = read_results(build)
    return make_environment().get_template("page.html.j2").render(
        **{"title": TITLE, "policy": POLICY, "build": build, "commit": read_commit(), "faults": faults + more_faults},
        runs=[describe_run(report, path, i) for i, (path, report) in enumerate(reports.items())],
        has_mini=any(report["experiment"].startswith(MINI) for report in reports.values()),
        tables=[(paper, compare(paper, list(reports.values()), list(results.values()))) for paper in papers],
        studies=[describe_study(path, result) for path, result in results.items()],
    )  # fmt: skip


def make_environment() -> Any:
    """Make the Jinja2 environment with the filters of this page."""
    environment = web_page.make_environment(TEMPLATES)
    environment.tests.update(json_value.TESTS)
    filters: dict[str, Any] = {"metric": format_metric, "percent": format_percent}
    environment.filters.update({**json_value.FILTERS, **filters})
    environment.globals.update(
        **{"METRICS": list(METRICS), "MISSING": MISSING, "compare": compare_numbers},
        **{"MAX_ROWS": json_value.MAX_ROWS, "MAX_DEPTH": json_value.MAX_DEPTH},
    )
    return environment


def read_reports(build: Path) -> tuple[dict[Path, dict], list[str]]:
    """Read the score reports under build/; returns them by file, and the errors of those that cannot be read."""
    found, faults = {}, []
    for path in find_reports(build):
        try:
            found[path] = read_untrusted_report(path)
        except DataError as error:
            faults.append(str(error))
    return found, faults


def compare_numbers(cell: PaperCell | None, answer: Answer | None, metric: str) -> Mapping[str, str]:
    """Compare a measured number with the paper's: both in print, and the kind of difference, near, far or moot."""
    measured = answer.scores[metric] if answer else None
    found = {"measured": "" if measured is None else f"{measured:.2f}", "difference": "", "kind": ""}
    try:
        difference = None if cell is None or measured is None else measured - float(cell.value)
    except ValueError:  # the paper claims without a number
        difference = None
    if answer and difference is not None:
        kind = "moot" if not answer.is_comparable else "near" if abs(difference) <= NEAR else "far"
        found.update(difference=f"{difference:+.2f}".replace("-", "\u2212"), kind=kind)
    return found


def format_percent(fraction: float | None) -> str:
    """Format a fraction in percent, a dash where it is undefined."""
    return "\u2013" if fraction is None else f"{100 * fraction:.2f}"
