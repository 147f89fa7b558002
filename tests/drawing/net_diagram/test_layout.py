"""Laws of every diagram, for all nets."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcn_repro.drawing.net_diagram.graph import Arrow, Box, Graph, build_graph
from fcn_repro.drawing.net_diagram.layout import place_graph
from fcn_repro.drawing.net_diagram.shapes import measure_box
from nets import CLASSIFIERS, FCNS, build
from nets.fcn import Inputs
from tests.fixtures.window_arithmetic import data_for


def placed(net: str):
    return place_graph(build_graph(build(net, "train", data_for(net)), 0), measure_box)


def overlap(a, b) -> bool:
    return abs(a.x - b.x) < (a.width + b.width) / 2 and a.y < b.y + b.height and b.y < a.y + a.height


def pierced(arrow, box) -> bool:
    """Whether an upright piece of an arrow runs through a box."""
    upright = [(x0, *sorted((y0, y1))) for (x0, y0), (x1, y1) in pairwise(arrow.points) if x0 == x1]
    top, bottom = box.y + 1, box.y + box.height - 1
    return any(abs(x - box.x) < box.width / 2 and upper < bottom and top < lower for x, upper, lower in upright)


def check(diagram) -> None:
    for a, b in combinations(diagram.boxes, 2):
        assert not overlap(a, b), (a.box.name, b.box.name)
    for routed in diagram.arrows:
        tail, head = diagram.boxes[routed.arrow.tail], diagram.boxes[routed.arrow.head]
        assert routed.points[0] == (tail.x, tail.y + tail.height)
        assert routed.points[-1] == (head.x, head.y)
        assert all(lower >= upper - 1e-6 for (_, upper), (_, lower) in pairwise(routed.points))
        for box in diagram.boxes:
            assert not pierced(routed, box), (tail.box.name, head.box.name, box.box.name)
    assert min(box.x - box.width / 2 for box in diagram.boxes) > 0
    assert max(box.x + box.width / 2 for box in diagram.boxes) < diagram.width
    assert max(box.y + box.height for box in diagram.boxes) < diagram.height


@pytest.mark.parametrize("net", [*FCNS, *CLASSIFIERS])
def test_boxes_do_not_overlap_and_arrows_run_down_between_them(net: str):
    check(placed(net))


@pytest.mark.parametrize("net", [net for net, row in FCNS.items() if row.inputs is not Inputs.LATE])  # of one trunk
def test_the_trunk_is_one_straight_column(net: str):
    x = {box.box.name: box.x for box in placed(net).boxes}
    beside = [name for name in x if name.startswith(("score_", "scale_")) or "/" in name or name.endswith("c")]
    trunk = x.keys() - beside
    assert len({x[name] for name in trunk}) == 1, trunk


@st.composite
def graphs(draw):
    count = draw(st.integers(1, 12))
    boxes = [Box(f"b{i}", "other", "") for i in range(count)]
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda pair: pair[0] < pair[1])
    ends = draw(st.lists(pairs, unique=True, max_size=20)) if count > 1 else []
    return Graph(boxes, [Arrow(*pair) for pair in sorted(ends, key=lambda pair: pair[1])])


@settings(max_examples=150, deadline=None)
@given(graphs(), st.integers(0, 3))
def test_laws_hold_for_any_graph(drawn: Graph, width: int):
    check(place_graph(drawn, lambda box: (40.0 + 30 * (hash((box.name, width)) % 4), 30.0)))


def test_skips_do_not_cross_the_trunk():
    """A skip leaves the trunk to one side and comes back from the same side."""
    diagram = placed("vgg16-8s")
    x = {box.box.name: box.x for box in diagram.boxes}
    assert x["score_pool4"] > x["pool4"] and x["score_pool4c"] > x["upscore2"]
    assert x["score_pool3"] > x["score_pool4"]
