"""A run on the page: where its score comes from, how it learnt, which classes it knows and which it confuses."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

from PIL import Image

from fcn_repro.analysis.curves import learning_charts
from fcn_repro.analysis.html_report.markup import Markup, table, tag
from fcn_repro.analysis.paper_tables import countings, metric_name, standing
from fcn_repro.datasets.file_readers import DAMAGED_IMAGE
from fcn_repro.drawing.net_diagram.chart import Look, charts
from fcn_repro.drawing.net_diagram.svg import svg
from fcn_repro.evaluation.metrics import METRICS

CHART = 384.0, 220.0  # pixels, wide and high
LOOK = Look("var(--ink)", "var(--faint)", "var(--line)", "none")
WRITTEN = 25  # classes: of more, the confusions are shown as colours alone, and the bars folded away
WIDEST_PICTURE, LARGEST_PICTURE = 1400, 40_000_000  # pixels: to a side of what is shown, and in all of what is read
LARGE = 500_000  # bytes: of a larger picture 256 colours are shown


def run(report: Mapping[str, Any], path: Path) -> Markup:
    """A run's part of the page, from its score report, read from a file, and what else lies in that file's folder."""
    note, folder = standing(report), path.parent
    name = [report["experiment"], tag("span", note, class_="badge") if note else None]
    heads = [head(title, score, len(report["scores"]) > 1) for title, score in report["scores"].items()]
    parts = [tag("h3", name), heads, _countings(report), curves(folder / "log.csv"), examples(folder), facts(report)]
    return tag("article", parts, class_="run", id=anchor(path))


def anchor(path: Path) -> str:
    """What links to a run by its report's file; like any attribute, it is escaped."""
    return f"run-{path.parent.name}-{path.name}".replace(" ", "-")


def curves(log: Path) -> Markup | None:
    """Loss and mean IU by iteration."""
    if not log.is_file():
        return None
    drawn = learning_charts([("", log)], "var(--loss)", "var(--score)")
    figures = [tag("figure", Markup(svg(charts([chart], *CHART, LOOK)))) for chart in drawn]
    return tag("div", figures, class_="charts")


def examples(folder: Path) -> list[Markup]:
    """The sheets of pictures that lie in a run's folder."""
    paths = [*folder.glob("pictures/examples.png"), *folder.glob("pictures/sheet*.png")]
    return [picture(path) for path in sorted(paths)]


def picture(path: Path) -> Markup:
    """A picture, inside the page."""
    try:
        with Image.open(str(path)) as image:
            if image.width * image.height > LARGEST_PICTURE:
                return tag("p", f"{path}: {image.width} x {image.height} pixels, too many to show", class_="fault")
            shown = image.convert("RGB")
    except DAMAGED_IMAGE as error:
        return tag("p", f"{path}: {error}", class_="fault")
    shown.thumbnail((WIDEST_PICTURE, 4 * WIDEST_PICTURE))
    png = _png(shown)
    if len(png) > LARGE:
        png = _png(shown.quantize(256))
    source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    sizes = {"width": shown.width, "height": shown.height}
    return tag("figure", tag("img", src=source, alt=path.stem, **sizes), tag("figcaption", path.as_posix()))


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def head(title: str, score: Mapping[str, Any], several: bool) -> Markup:
    """The metrics of one of a net's heads, its classes, and what they are taken for."""
    metrics = [tag("div", tag("b", percent(score[name])), metric_name(name)) for name in METRICS]
    names = [entry["name"] for entry in score["classes"]]
    return tag(
        "div",
        tag("h4", title) if several else None,
        tag("div", metrics, class_="metrics"),
        tag(
            "details",
            tag("summary", "IU of every class"),
            bars(score["classes"]),
            open="" if len(names) <= WRITTEN else None,
        ),
        tag("details", tag("summary", "Confusions"), confusions(score["histogram"], names)),
    )


def bars(classes: Sequence[Mapping[str, Any]]) -> Markup:
    """A bar per class, as long as its IU."""
    rows = [
        tag(
            "tr",
            tag("th", entry["name"], scope="row"),
            tag("td", tag("div", class_="bar", style=f"--share:{100 * (entry['iu'] or 0):.1f}")),
            tag("td", percent(entry["iu"]), class_="number"),
        )
        for entry in classes
    ]
    return table(tag("tr", tag("th", "class"), tag("th", "IU"), tag("th", "%", class_="number")), rows, "bars")


def confusions(histogram: Sequence[Sequence[int]], names: Sequence[str]) -> Markup:
    """A row per class of the truth: what share of its pixels was taken for each class."""
    written = len(names) <= WRITTEN
    columns = tag("tr", tag("th", "truth \u2193 taken for \u2192"), [tag("th", name, scope="col") for name in names])
    rows = []
    for i, (name, counts) in enumerate(zip(names, histogram)):
        total = sum(counts)
        shares = [100 * count / total if total else 0.0 for count in counts]
        cells = [
            tag(
                "td",
                f"{share:.0f}" if written and share >= 0.5 else "",
                style=f"--share:{share:.1f}",
                class_="self" if i == j else None,
                title=f"{name} taken for {names[j]}: {share:.1f} %",
            )
            for j, share in enumerate(shares)
        ]
        rows.append(tag("tr", tag("th", name, scope="row"), cells))
    hint = tag("p", "Percent of what is of a class; rows add up to 100.", class_="small")
    return Markup(table(columns, rows, "confusion") + hint)


def facts(report: Mapping[str, Any]) -> Markup:
    """Where a score comes from."""
    pairs = [(tag("dt", name), tag("dd", value)) for name, value in _facts(report) if value]
    return tag("details", tag("summary", "Provenance"), tag("dl", pairs), open="")


def _facts(report: Mapping[str, Any]) -> Iterator[tuple[str, str | Markup | list]]:
    trained, recipe = report["trained"], report["recipe"]
    yield "scored on", f"{report['images']} images of {report['split']}"
    yield (
        "trained",
        "elsewhere"
        if trained is None
        else f"{trained:,} of {recipe:,} iterations" + (", SHORTENED" if report["shortened"] else ""),
    )
    yield "weights of", "" if report.get("iteration") is None else f"iteration {report['iteration']:,}"
    yield "chosen as", report.get("chosen", "")
    for name, source in [("weights", report.get("weights")), *(("started from", each) for each in _inits(report))]:
        if source:
            yield name, [source["file"], tag("br"), tag("code", f"sha256 {source['sha256']}")]
    yield "engine", f"{report['engine']} on {report['device']}"
    yield "commit", tag("code", report["commit"] or "none: not a repository")
    first = next(iter(report["scores"].values()))
    if "void_pixels" in first:
        yield "pixels", f"{first['pixels']:,} scored, {first['void_pixels']:,} void"


def _inits(report: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
    init = report.get("init") or []
    return init if isinstance(init, list) else [init]


def _countings(report: Mapping[str, Any]) -> Markup | None:
    """The other ways of counting, where there are any."""
    others = list(countings(report))[1:]
    if not others:
        return None
    rows = [
        tag(
            "tr",
            tag("th", way.label, scope="row"),
            [tag("td", percent(way.scores.get(m)), class_="number") for m in METRICS],
        )
        for way in others
    ]
    titles = [tag("th", metric_name(m), scope="col", class_="number") for m in METRICS]
    return Markup(tag("h4", "Counted otherwise") + table(tag("tr", tag("th", ""), titles), rows))


def percent(fraction: float | None) -> str:
    """A fraction in percent, a dash where it is undefined."""
    return "\u2013" if fraction is None else f"{100 * fraction:.2f}"
