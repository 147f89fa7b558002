"""The whole page, from what lies under build/."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any, Mapping, Sequence

from fcn_repro.analysis.html_report.markup import Markup, table, tag
from fcn_repro.analysis.html_report.paper_tables import Answer, answers_of, paper_table
from fcn_repro.analysis.html_report.runs import anchor, percent, run
from fcn_repro.analysis.html_report.studies import answers, results, studies
from fcn_repro.analysis.html_report.style import STYLE
from fcn_repro.analysis.paper_tables import Table, metric_name, standing
from fcn_repro.errors import DataError
from fcn_repro.evaluation.metrics import METRICS
from fcn_repro.evaluation.score_report import checked_report, commit, headline

# Nothing may run or be fetched, whatever got into the page.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
TITLE = "Fully convolutional networks, reproduced: what was measured"
MINI = "mini"  # the mini experiments' names begin with it


def page(build: Path, papers: Sequence[Table]) -> Markup:
    """The page as a whole file."""
    found, faults = reports(build)
    outcomes, more_faults = results(build)
    body = [
        tag("h1", TITLE),
        tag("p", f"From {build}/ at commit ", tag("code", commit() or "unknown"), ".", class_="small"),
        _contents(),
        [tag("p", fault, class_="fault") for fault in faults + more_faults],
        tag("h2", "Overview", id="overview"),
        _overview(found),
        tag("h2", "The papers' tables", id="tables"),
        _legend(),
        [_paper_table(paper, found, outcomes) for paper in papers],
        studies(outcomes),
        tag("h2", "Runs", id="runs"),
        [run(report, path) for path, report in found.items()] or tag("p", "None yet: make mini-fcn8s"),
    ]
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("title", TITLE),
        tag("style", Markup(STYLE)),
    ]
    return Markup(f"<!doctype html>\n{tag('html', tag('head', head), tag('body', body), lang='en')}\n")


def reports(build: Path) -> tuple[dict[Path, dict], list[str]]:
    """The score reports under build/ by file, and what is wrong with those that cannot be read."""
    found, faults = {}, []
    for path in sorted([*build.glob("*/score.json"), *build.glob("*/*.score.json")]):
        try:
            found[path] = checked_report(path)
        except DataError as error:
            faults.append(str(error))
    return found, faults


def _paper_table(paper: Table, found: Mapping[Path, dict], outcomes: Mapping[Path, Any]) -> Markup:
    """A table of the paper with the runs and the studies that answer it."""
    by_run: dict[str, list[Answer]] = defaultdict(list)
    by_row: dict[str, list[Answer]] = defaultdict(list)
    for report in found.values():
        by_run[report["experiment"]] += answers_of(report, paper.split)
    for row, answer in answers(list(outcomes.values()), paper):
        by_row[row].append(answer)
    return paper_table(paper, by_run, by_row)


def _contents() -> Markup:
    links = [("#overview", "Overview"), ("#tables", "The papers' tables"), ("#studies", "Studies"), ("#runs", "Runs")]
    return tag("nav", [tag("a", text, href=target) for target, text in links])


def _overview(found: Mapping[Path, Mapping[str, Any]]) -> Markup:
    """A line per run."""
    if not found:
        return tag("p", "Nothing was run yet. make mini-fcn8s takes half an hour on two cores.")
    titles = [tag("th", metric_name(m), scope="col", class_="number") for m in METRICS]
    rows = [
        tag(
            "tr",
            tag("th", tag("a", report["experiment"], href=f"#{anchor(path)}"), _standing(report), scope="row"),
            [tag("td", percent(headline(report)[m]), class_="number") for m in METRICS],
            tag("td", f"{report['images']} of {report['split']}"),
            tag("td", f"{report['engine']}, {report['device']}"),
        )
        for path, report in found.items()
    ]
    mini = any(report["experiment"].startswith(MINI) for report in found.values())
    hint = "The mini experiments' data set is the embedded one: compare them with one another only."
    head = tag("tr", tag("th", "run"), titles, tag("th", "scored on"), tag("th", "engine"))
    return Markup(table(head, rows) + (tag("p", hint, class_="small") if mini else ""))


def _standing(report: Mapping[str, Any]) -> Markup | None:
    note = standing(report)
    return tag("span", note, class_="by") if note else None


def _legend() -> Markup:
    return tag(
        "p",
        "Scores are in percent. A ",
        tag("b", "?"),
        " stands behind numbers of the paper that are recalled, not read. Differences are measured minus paper: ",
        tag("span", "within half a point", class_="near"),
        ", ",
        tag("span", "farther", class_="far"),
        ", or ",
        tag("span", "not to be compared", class_="moot"),
        ", where a run was shortened or scored on other images. Blank: not run. Where the paper does not say how it "
        "counted, every way is listed.",
        class_="small",
    )
