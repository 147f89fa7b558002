"""Line and bar charts by matplotlib, as SVG, PNG and PDF files or as inline SVG of an HTML page.

matplotlib is imported inside the functions that draw, through its object interface: no pyplot, no lasting setting. The
same charts give the same bytes.
"""

from __future__ import annotations

import io
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping, Sequence, Tuple

from fcn_repro.system.atomic_write import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".svg", ".png", ".pdf")
DPI = 200  # pixels per inch of PNG
MAX_POINTS = 240  # of a line; longer ones are averaged
MARKED_POINTS = 40  # a line of at most as many points marks each of them
DECADES = 100.0  # ratio of values from which a logarithmic axis is of use
BAR_INCHES, HEADING_INCHES = 0.28, 0.65  # heights in a bar chart

LOOK = ("axes.", "figure.", "font.", "grid.", "legend.", "lines.", "savefig.", "text.", "xtick.", "ytick.")  # settings

Point = Tuple[float, float]


@dataclass(frozen=True)
class Line:
    """A named line through (x, y) points."""

    name: str
    points: Sequence[Point]


@dataclass(frozen=True)
class LineChart:
    """Lines on one pair of axes.

    marks   (x, text): an upright line at each x, with a text beside it
    log_y   a logarithmic y axis; else it begins at 0 or below
    """

    title: str
    x_label: str
    lines: Sequence[Line]
    marks: Sequence[tuple[float, str]] = ()
    log_y: bool = False


@dataclass(frozen=True)
class BarChart:
    """A horizontal bar for each name; names that begin with `highlighted` stand out."""

    title: str
    values: Mapping[str, float]
    highlighted: str = "ours"


@dataclass(frozen=True)
class Theme:
    """Colours: of text, of secondary text, of the grid, and of lines in their order."""

    ink: str = "#1f2933"
    faint: str = "#52606d"
    grid: str = "#dde3ea"
    lines: Sequence[str] = field(
        default=("#3e7cc9", "#d9822b", "#2f9e6d", "#7a52c7", "#d64545", "#c9a400", "#17a2b8", "#7b8794")
    )


def draw_line_charts(charts: Sequence[LineChart], width: float, height: float, theme: Theme | None = None) -> Figure:
    """Draw charts below each other; `width` and `height` of each are in inches."""
    with _settings():
        figure = _make_figure(width, height * len(charts))
        for axes, chart in zip(figure.subplots(len(charts), 1, squeeze=False)[:, 0], charts):
            _draw_lines(axes, chart, theme or Theme())
    return figure


def draw_bar_charts(charts: Sequence[BarChart], width: float = 7.6, theme: Theme | None = None) -> Figure:
    """Draw charts below each other, each on its own scale; `width` is in inches."""
    heights = [HEADING_INCHES + BAR_INCHES * len(chart.values) for chart in charts]
    with _settings():
        figure = _make_figure(width, sum(heights))
        grid = figure.subplots(len(charts), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
        for axes, chart in zip(grid[:, 0], charts):
            _draw_bars(axes, chart, theme or Theme())
    return figure


def save_figure(figure: Figure, stem: Path, suffixes: Sequence[str] = SUFFIXES) -> list[Path]:
    """Write a figure to STEM with each suffix, .svg, .png or .pdf, creating folders; returns the paths.

    Raises   ValueError for another suffix
    """
    paths = [stem.with_suffix(suffix) for suffix in suffixes]
    for path in paths:
        if path.suffix not in SUFFIXES:
            raise ValueError(f"{path}: got suffix {path.suffix!r}, expected one of {', '.join(SUFFIXES)}")
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, "wb") as file:
            file.write(_render(figure, path.suffix[1:]))
    return paths


def to_inline_svg(figure: Figure, name: str, colours: Mapping[str, str]) -> str:
    """Return an <svg> element for a page, transparent; `name` makes its ids unique on the page.

    colours   from a colour of the theme to what CSS shall use in its place, such as `var(--ink)`
    """
    text = _render(figure, "svg", transparent=True).decode()
    text = text[text.index("<svg") :].strip()
    text = re.sub(
        r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.S
    )  # a style would hold for the page
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", text)
    for colour, replacement in colours.items():
        text = text.replace(colour, replacement)
    return text


def average_points(points: Sequence[Point], limit: int = MAX_POINTS) -> list[Point]:
    """Return the points, or where there are more than `limit` the means of equal runs of them."""
    run = math.ceil(len(points) / limit) or 1
    runs = [points[i : i + run] for i in range(0, len(points), run)]
    return [(sum(x for x, _ in some) / len(some), sum(y for _, y in some) / len(some)) for some in runs]


def spans_decades(values: Sequence[float]) -> bool:
    """Return whether values are positive and differ so much that a logarithmic axis is of use."""
    return bool(values) and min(values) > 0 and max(values) / min(values) >= DECADES


def _make_figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _render(figure: Figure, format: str, transparent: bool = False) -> bytes:
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}[format]
    file = io.BytesIO()
    with _settings():
        figure.savefig(file, format=format, dpi=DPI, metadata=metadata, transparent=transparent)
    return file.getvalue()


def _settings() -> Any:
    """Use matplotlib's default look whatever a user's file of settings says, for the time of a `with` block."""
    import matplotlib

    defaults = {key: value for key, value in matplotlib.rcParamsDefault.items() if key.startswith(LOOK)}
    return matplotlib.rc_context({**defaults, "font.size": 9, "svg.hashsalt": "fcn-repro", "svg.fonttype": "none"})


def _draw_lines(axes: Any, chart: LineChart, theme: Theme) -> None:
    _style(axes, chart.title, theme)
    axes.set_xlabel(chart.x_label, color=theme.faint)
    if not any(line.points for line in chart.lines):
        axes.text(0.5, 0.5, "nothing measured yet", color=theme.faint, ha="center", transform=axes.transAxes)
        return
    handles = [_draw_line(axes, line, theme, i) for i, line in enumerate(chart.lines)]
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter("{x:,.10g}")
    if chart.log_y:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=min(0.0, *(y for line in chart.lines for _, y in line.points)))
    for x, text in chart.marks:
        axes.axvline(x, color=theme.faint, linewidth=0.7, linestyle=":")
        where = axes.get_xaxis_transform()
        axes.text(x, 1.0, f" {text}", color=theme.faint, va="bottom", transform=where, parse_math=False)
    if len(chart.lines) > 1:
        names, beside = [line.name for line in chart.lines], {"loc": "upper left", "bbox_to_anchor": (1, 1)}
        legend = axes.legend(handles, names, labelcolor=theme.ink, frameon=False, **beside)
        for label in legend.get_texts():
            label.set_parse_math(False)


def _draw_line(axes: Any, line: Line, theme: Theme, number: int) -> Any:
    points = average_points(line.points)
    marker = "o" if len(points) <= MARKED_POINTS else ""
    x, y = zip(*points) if points else ((), ())
    (handle,) = axes.plot(x, y, color=theme.lines[number % len(theme.lines)], marker=marker, markersize=4)
    if points and marker:
        last = f"{line.points[-1][1]:.4g}"
        axes.annotate(last, points[-1], (0, 5), textcoords="offset points", ha="center", color=theme.ink)
    return handle


def _draw_bars(axes: Any, chart: BarChart, theme: Theme) -> None:
    _style(axes, chart.title, theme, "x")
    names = list(chart.values)
    colours = [theme.lines[0] if name.startswith(chart.highlighted) else theme.faint for name in names]
    bars = axes.barh(range(len(names)), list(chart.values.values()), color=colours)
    axes.set_yticks(range(len(names)), names, color=theme.ink, parse_math=False)
    axes.invert_yaxis()
    axes.bar_label(bars, [f"{value:.3g}" for value in chart.values.values()], padding=4, color=theme.faint)
    axes.margins(x=0.12)


def _style(axes: Any, title: str, theme: Theme, grid: str = "both") -> None:
    axes.set_title(title, loc="left", fontweight="bold", color=theme.ink, parse_math=False, pad=16)
    axes.grid(True, axis=grid, color=theme.grid)
    axes.set_axisbelow(True)
    axes.tick_params(colors=theme.faint, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
