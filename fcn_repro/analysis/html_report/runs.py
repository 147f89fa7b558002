"""A run on the page: scores, classes, confusions, learning curves, example images and provenance."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator, Mapping

from fcn_repro.analysis.learning_curves import chart_runs
from fcn_repro.analysis.paper_tables import describe_caveats, list_variants
from fcn_repro.drawing.chart import Theme, draw_line_charts, to_inline_svg
from fcn_repro.drawing.web_page import encode_png, make_data_url
from fcn_repro.evaluation.score_report import headline, list_origins
from fcn_repro.system.untrusted_files import IMAGE_ERRORS, open_image

CHART = 4.8, 2.75  # inches, wide and high
# Colours that no other part of a chart has, and the variables of the style sheet that replace them.
COLOURS = {"#010203": "var(--ink)", "#020304": "var(--faint)", "#030405": "var(--line)"}
LINES = {"#040506": "var(--loss)", "#050607": "var(--score)"}
MAX_NAMED = 25  # classes whose confusions are printed; of more, the colours stand alone and the bars are folded away
MAX_SIDE, MAX_PIXELS = 1400, 40_000_000  # of an image: side as shown, and pixels as read
MAX_PNG_BYTES = 500_000  # a larger image is shown in 256 colours


def describe_run(report: Mapping[str, Any], path: Path, number: int) -> Mapping[str, Any]:
    """Collect what the page shows of a run, from its score report at `path` and the files beside it.

    number   of the run on the page: it makes ids unique
    """
    heads = [describe_head(name, score) for name, score in report["scores"].items()]
    return {
        "report": report,
        "anchor": f"run-{path.parent.name}-{path.name}".replace(" ", "-"),
        "caveats": describe_caveats(report),
        "headline": headline(report),
        "heads": heads,
        "variants": list(list_variants(report))[1:],
        "charts": draw_curves(path.parent / "log.csv", number),
        "images": [embed_image(image) for image in find_images(path.parent)],
        "facts": list(list_facts(report)),
    }


def describe_head(name: str, score: Mapping[str, Any]) -> Mapping[str, Any]:
    """Collect the scores of an output of the net, and its confusions: a row for each true class, in percent."""
    totals = [sum(counts) or 1 for counts in score["histogram"]]
    confusions = [[100 * n / total for n in counts] for counts, total in zip(score["histogram"], totals)]
    names = [entry["name"] for entry in score["classes"]]
    return {"name": name, "score": score, "names": names, "confusions": confusions, "is_small": len(names) <= MAX_NAMED}


def draw_curves(log: Path, number: int) -> list[str]:
    """Draw loss and mean IU by iteration as inline SVG; none without a log."""
    if not log.is_file():
        return []
    charts, (ink, faint, grid) = [], COLOURS
    for i, (chart, (colour, variable)) in enumerate(zip(chart_runs([("", log)]), LINES.items())):
        figure = draw_line_charts([chart], *CHART, Theme(ink, faint, grid, [colour]))
        charts.append(to_inline_svg(figure, f"run{number}-{i}", {**COLOURS, colour: variable}))
    return charts


def find_images(folder: Path) -> list[Path]:
    """Find the sheets of example images in a run's folder."""
    return sorted([*folder.glob("pictures/examples.png"), *folder.glob("pictures/sheet*.png")])


def embed_image(path: Path) -> Mapping[str, Any]:
    """Read an image into a data URL, or why it cannot be shown."""
    try:
        with open_image(path, MAX_PIXELS) as image:
            shown = image.convert("RGB")
    except IMAGE_ERRORS as error:
        return {"path": path.as_posix(), "error": str(error) or type(error).__name__}
    shown.thumbnail((MAX_SIDE, 4 * MAX_SIDE))
    png = encode_png(shown)
    if len(png) > MAX_PNG_BYTES:
        png = encode_png(shown.quantize(256))
    size = {"width": shown.width, "height": shown.height}
    return {"path": path.as_posix(), "name": path.stem, "source": make_data_url(png), "error": "", **size}


def list_facts(report: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, str] | None]]:
    """List the provenance of a score: name, text, and for files of weights their name and digest."""
    trained, iteration = report["trained"], report.get("iteration")
    shortened = ", SHORTENED" if report["shortened"] else ""
    yield "scored on", f"{report['images']} images of {report['split']}", None
    if trained is None:
        yield "trained", "elsewhere", None
    else:
        yield "trained", f"{trained:,} of {report['recipe']:,} iterations{shortened}", None
    yield "weights of", "" if iteration is None else f"iteration {iteration:,}", None
    yield "chosen as", report.get("chosen") or "", None
    yield "weights", "", report.get("weights")
    init = report.get("init") or []
    for source in init if isinstance(init, list) else [init]:
        yield "started from", "", source
    for origin in list_origins(report):
        yield "origin", origin, None
    yield "engine", f"{report['engine']} on {report['device']}", None
    yield "commit", report["commit"] or "none: not a repository", None
    score = headline(report)
    if "void_pixels" in score:
        yield "pixels", f"{score['pixels']:,} scored, {score['void_pixels']:,} void", None
