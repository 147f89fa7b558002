"""A bar is as long as its value, within its group."""

import pytest

from fcn_repro.analysis.benchmark.chart import bars
from fcn_repro.drawing.net_diagram.shapes import Rectangle, Text


def test_bars_are_in_proportion_within_a_group_and_carry_their_names():
    sheet = bars({"forward": {"ours": 1.0, "caffe": 4.0}, "step": {"ours": 30.0}}, "seconds")
    one, four, thirty = (shape for shape in sheet.shapes if isinstance(shape, Rectangle))
    assert four.width == pytest.approx(4 * one.width)
    assert thirty.width == pytest.approx(four.width)
    assert all(bar.x + bar.width < sheet.width and bar.y + bar.height < sheet.height for bar in (one, four, thirty))
    words = [shape.text for shape in sheet.shapes if isinstance(shape, Text)]
    assert {"ours", "caffe", "forward, seconds", "step, seconds"} <= set(words)
