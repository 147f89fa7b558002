import re
from xml.etree import ElementTree

import pytest
from PIL import Image

from fcn_repro.drawing.chart import (
    MAX_POINTS,
    BarChart,
    Line,
    LineChart,
    Theme,
    average_points,
    draw_bar_charts,
    draw_line_charts,
    save_figure,
    spans_decades,
    to_inline_svg,
)
from tests.fixtures.html_document import Document

FALLING = Line("first", [(20 * i, 3.0 / i) for i in range(1, 101)])
SCORED = Line("a <b> $x_2$", [(1000, 0.5), (2000, 2.5)])


def texts(figure) -> set[str]:
    return set(Document(to_inline_svg(figure, "x", {})).texts)


def test_averaging_keeps_the_mean_and_few_points():
    points = [(float(i), float(i % 7)) for i in range(5000)]
    kept = average_points(points)
    assert len(kept) <= MAX_POINTS
    assert kept[0] == pytest.approx((10, sum(i % 7 for i in range(21)) / 21))
    assert average_points(points[:MAX_POINTS]) == points[:MAX_POINTS] and average_points([]) == []


def test_lines_share_axes_from_zero_with_a_legend_and_marks():
    chart = LineChart("loss", "iteration", [FALLING, SCORED], [(0, "begin"), (500, "later")])
    figure = draw_line_charts([chart, chart], 4, 2)
    first, _ = figure.axes
    assert [line.get_xydata().tolist() for line in first.lines[:2]] == [
        [list(point) for point in line.points] for line in (FALLING, SCORED)
    ]
    assert (first.get_xlim()[0], first.get_ylim()[0]) == (0, 0) and first.get_ylim()[1] > 3
    assert {"loss", "iteration", "first", "a <b> $x_2$", "2,000"} <= texts(figure)
    assert {" begin", " later"} <= texts(figure)
    assert [line.get_marker() for line in first.lines[:2]] == ["", "o"] and "2.5" in texts(figure)


def test_a_chart_without_points_says_so_and_one_line_has_no_legend():
    for lines in ([], [Line("new", [])]):
        assert "nothing measured yet" in texts(draw_line_charts([LineChart("loss", "x", lines)], 4, 2))
    figure = draw_line_charts([LineChart("loss", "x", [FALLING])], 4, 2)
    assert figure.axes[0].get_legend() is None


def test_the_y_axis_may_be_logarithmic_and_values_negative():
    (axes,) = draw_line_charts([LineChart("t", "x", [FALLING], log_y=True)], 4, 2).axes
    assert axes.get_yscale() == "log"
    (axes,) = draw_line_charts([LineChart("t", "x", [Line("", [(0, -2), (1, 3)])])], 4, 2).axes
    assert axes.get_ylim()[0] <= -2
    assert spans_decades([0.1, 10]) and not spans_decades([1, 99]) and not spans_decades([0, 1000])
    assert not spans_decades([])


def test_bars_are_as_long_as_their_values_and_each_group_has_its_scale():
    figure = draw_bar_charts([BarChart("forward", {"ours": 1.0, "caffe": 4.0}), BarChart("step", {"ours": 30.0})])
    bars = [[bar.get_width() for bar in axes.patches] for axes in figure.axes]
    assert bars == [[1, 4], [30]] and figure.axes[0].get_xlim()[1] < 10
    colours = {bar.get_facecolor() for bar in figure.axes[0].patches}
    assert len(colours) == 2 and {"ours", "caffe", "forward", "step", "30"} <= texts(figure)


def test_files_are_written_by_suffix_and_the_same_every_time(tmp_path):
    for name in ("new/a.svg", "b.svg"):
        paths = save_figure(draw_line_charts([LineChart("loss", "x", [FALLING, SCORED])], 4, 2), tmp_path / name)
        assert [path.suffix for path in paths] == [".svg", ".png", ".pdf"]
    for suffix in ("svg", "png", "pdf"):
        assert (tmp_path / f"new/a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
    ElementTree.parse(tmp_path / "b.svg")
    with Image.open(tmp_path / "b.png") as image:
        assert image.size == (800, 400)
    assert (tmp_path / "b.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(ValueError, match="got suffix '.gif', expected one of .svg, .png, .pdf"):
        save_figure(draw_bar_charts([BarChart("t", {"a": 1.0})]), tmp_path / "c", [".gif"])


def test_inline_svg_has_ids_of_its_own_and_colours_of_the_page():
    figure = draw_line_charts([LineChart("<i>", "x", [FALLING])], 4, 2, Theme(ink="#010203"))
    text = to_inline_svg(figure, "run3", {"#010203": "var(--ink)"})
    found = Document(text)
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert ids and all(each.startswith("run3-") for each in ids) and len(set(ids)) == len(ids)
    assert {each[1:] for each in re.findall(r"(?:href=\"|url\()(#[^\")]+)", text)} <= set(ids)
    assert "<style" not in text and "#010203" not in text and "var(--ink)" in text and "<i>" in found.texts


def test_a_users_settings_change_nothing_and_stay():
    import matplotlib

    expected = to_inline_svg(draw_bar_charts([BarChart("t", {"a": 1.0})]), "x", {})
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "black", "svg.fonttype": "path"}):
        assert to_inline_svg(draw_bar_charts([BarChart("t", {"a": 1.0})]), "x", {}) == expected
        assert matplotlib.rcParams["font.size"] == 20
