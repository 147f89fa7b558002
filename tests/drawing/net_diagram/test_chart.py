import re

import pytest

from fcn_repro.drawing.net_diagram.chart import MOST, SPARSE, Chart, Look, Stage, charts, thinned, ticks
from fcn_repro.drawing.net_diagram.png import png
from fcn_repro.drawing.net_diagram.shapes import Line, Polygon, Text
from fcn_repro.drawing.net_diagram.svg import svg

LINE = "#123456"
FALLING = Stage("first", [(20 * i, 3.0 / i) for i in range(1, 101)], 2000)
SCORED = Stage("second", [(1000, 0.5), (2000, 2.5)], 2000)


def lines(sheet):
    return [shape for shape in sheet.shapes if isinstance(shape, Line) and shape.colour == LINE]


def texts(sheet):
    return {shape.text for shape in sheet.shapes if isinstance(shape, Text)}


@pytest.mark.parametrize(
    "low, high, expected",
    [
        (0, 1.4, [0, 0.5, 1, 1.5]),
        (0, 100_000, [0, 20_000, 40_000, 60_000, 80_000, 100_000]),
        (43.7, 56.9, [40, 45, 50, 55, 60]),
        (0, 0, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-2, 3, [-2, -1, 0, 1, 2, 3]),
    ],
)
def test_ticks_are_round_and_take_in_both_ends(low, high, expected):
    found = ticks(low, high)
    assert found[: len(expected)] == pytest.approx(expected[: len(found)])
    assert found[0] <= low and found[-1] >= high


def test_thinning_keeps_the_mean_and_few_points():
    points = [(float(i), float(i % 7)) for i in range(5000)]
    kept = thinned(points)
    assert len(kept) <= MOST
    assert kept[0] == pytest.approx((10, sum(i % 7 for i in range(21)) / 21))
    assert thinned(points[:MOST]) == points[:MOST]


def test_a_line_lies_where_its_values_are():
    sheet = charts([Chart("loss", [FALLING], LINE)], 400, 200)
    (line,) = lines(sheet)
    (x0, y0), (x1, y1) = line.points[0], line.points[-1]
    zero = next(
        shape.y for shape in sheet.shapes if isinstance(shape, Text) and shape.text == "0" and shape.anchor == "end"
    )
    three = next(shape.y for shape in sheet.shapes if isinstance(shape, Text) and shape.text == "3")
    assert y0 - three == pytest.approx(y1 - zero + (3.0 / 100) * (zero - three) / 3, abs=1e-6)
    assert x0 < x1 and y0 < y1


def test_stages_follow_each_other_and_are_named():
    sheet = charts([Chart("loss", [FALLING, SCORED], LINE)], 600, 200)
    first, second = lines(sheet)
    assert first.points[-1][0] < second.points[0][0]
    assert {"first", "second", "4,000"} <= texts(sheet)


def test_few_points_get_dots_and_the_last_its_number():
    sheet = charts([Chart("mean IU", [SCORED], LINE)], 400, 200)
    assert len([shape for shape in sheet.shapes if isinstance(shape, Polygon)]) == 2 <= SPARSE
    assert "2.5" in texts(sheet)


@pytest.mark.parametrize("stages", [[], [Stage("new", [], 0)]])
def test_a_chart_of_nothing_says_so(stages):
    assert "nothing measured yet" in texts(charts([Chart("loss", stages, LINE)], 400, 200))


def test_what_is_drawn_stays_on_the_paper():
    sheet = charts([Chart("loss", [FALLING, SCORED], LINE)] * 2, 500, 180)
    assert sheet.height == 360
    for line in (shape for shape in sheet.shapes if isinstance(shape, Line)):
        assert all(0 <= x <= 500 and 0 <= y <= 360 for x, y in line.points)


def test_both_renderers_draw_it_and_names_are_escaped():
    sheet = charts([Chart("a < b", [Stage("<script>", FALLING.points, 2000), SCORED], LINE)], 400, 200)
    text = svg(sheet)
    assert "a &lt; b" in text and "&lt;script&gt;" in text and "<script>" not in text
    assert re.search(r'text-anchor="end"[^>]*>0<|>0</text>', text) and LINE in text
    assert png(sheet).size == (800, 400)


def test_colours_may_be_anything_svg_knows():
    look = Look(ink="var(--ink)", faint="var(--faint)", grid="var(--grid)", paper="none")
    text = svg(charts([Chart("loss", [FALLING], "var(--loss)")], 400, 200, look))
    assert 'fill="none"' in text and 'stroke="var(--loss)"' in text and 'fill="var(--ink)"' in text
