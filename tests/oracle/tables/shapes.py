"""Layers that move numbers and compute little."""

from __future__ import annotations

from tests.oracle.layer_case import Bottom, LayerCase, cases, each, integers, one_of

FLAT = (2, 3, 4, 5)
WHOLE = Bottom((3, 4, 9, 8))
ITEMS = Bottom((5, 3, 2), is_parameter=True)
CROPS = {  # the shape to crop WHOLE to
    (3, 4, 5, 6): """
        -
        offset: 1
        offset: 4 offset: 2
        axis: -2 offset: 3 offset: 0
    """,
    (1, 2, 5, 6): """
        axis: 0
        axis: 0 offset: 1
        axis: 1 offset: 2 offset: 1 offset: 0
    """,
    (9, 9, 9, 8): """
        -
        axis: 3
    """,
}
FLATTENED = """
    -
    axis: 0
    axis: 2 end_axis: -1
    axis: 0 end_axis: 1
    axis: -2 end_axis: -2
"""
RESHAPED = """
    shape { dim: 0 dim: -1 }
    shape { dim: -1 }
    shape { dim: 3 dim: 2 dim: 20 }
    shape { dim: 0 dim: 0 dim: 2 dim: -1 }
    shape { dim: 0 dim: 1 dim: 60 }
    shape { dim: 2 dim: 2 } axis: 2 num_axes: 1
    shape { dim: -1 } axis: 1 num_axes: 2
    shape { dim: 1 } axis: -1 num_axes: 0
    shape { dim: 0 dim: 2 dim: -1 } axis: 1
    shape { dim: 1 } axis: 0 num_axes: 0
    shape { dim: 6 } axis: -5 num_axes: 2
    shape { } axis: 4
"""
TILED = """
    tiles: 3
    axis: 0 tiles: 2
    axis: -1 tiles: 4
    tiles: 1
"""
LARGEST = """
    -
    top_k: 2
    top_k: 3 out_max_val: true
    out_max_val: true
    axis: 1
    axis: -1
    axis: 1 top_k: 3 out_max_val: true
"""


def table() -> list[LayerCase]:
    """Every axis, also from the end; one piece; other shapes later."""
    return [*_joined(), *_cut(), *_reshaped(), *_reduced(), *_picked()]


def _joined() -> list[LayerCase]:
    along_1 = [Bottom((2, 3, 4)), Bottom((2, 1, 4)), Bottom((2, 5, 4))]
    along_0 = [Bottom((2, 3, 4)), Bottom((5, 3, 4))]
    along_2 = [Bottom((2, 3, 4)), Bottom((2, 3, 1))]
    return [
        *cases("Concat", [along_1, [Bottom((2, 3))] * 2, (2, 3, 4)], each("concat_param", "-\naxis: 1\nconcat_dim: 1")),
        *cases("Concat", [along_0], each("concat_param", "axis: 0\naxis: -3\nconcat_dim: 0")),
        *cases("Concat", [along_2], ["concat_param { axis: -1 }"], later=((1, 2, 6), (1, 2, 2))),
        *cases("Silence", [(2, 3), [Bottom((2, 3)), Bottom((4,))]], tops=0),
    ]


def _cut() -> list[LayerCase]:
    found = [
        *cases("Slice", [(2, 6, 4)], each("slice_param", "-\nslice_dim: 1"), tops=3),
        *cases("Slice", [(4, 6, 4)], each("slice_param", "axis: 0\naxis: -1 slice_point: 1\nslice_point: 5"), tops=2),
        *cases("Slice", [(2, 6, 4)], ["slice_param { slice_point: 1 slice_point: 2 slice_point: 4 }"], tops=4),
        *cases("Slice", [(2, 3)], tops=1),
        *cases("Split", [(2, 3, 4)], tops=1),
        *cases("Split", [(2, 3, 4), (5,)], tops=2),
        *cases("Split", [(2, 3, 4)], tops=4, later=((3, 5, 2),)),
        *cases(
            "Crop", [[WHOLE, Bottom((3, 4, 5, 6))]], ["crop_param { offset: 1 }"], later=((3, 4, 10, 12), (3, 4, 9, 2))
        ),
        *cases(
            "Crop",
            [[Bottom((2, 3, 4, 5, 6)), Bottom((2, 3, 2, 3, 4))]],
            each("crop_param", "offset: 1 offset: 2 offset: 0"),
        ),
    ]
    for like, params in CROPS.items():
        found += cases("Crop", [[WHOLE, Bottom(like)]], each("crop_param", params))
    return found


def _reshaped() -> list[LayerCase]:
    return [
        *cases("Flatten", [FLAT], each("flatten_param", FLATTENED)),
        *cases("Flatten", [(2, 3, 4)], later=((1, 2, 5),)),
        *cases("Reshape", [FLAT], each("reshape_param", RESHAPED)),
        *cases("Reshape", [(2, 3, 4)], ["reshape_param { shape { dim: 0 dim: -1 } }"], later=((4, 2, 2),)),
        *cases("Tile", [(2, 3, 4)], each("tile_param", TILED)),
    ]


def _reduced() -> list[LayerCase]:
    operations = "\n".join(
        f"operation: {operation} axis: {axis} {coeff}"
        for operation in ("SUM", "ASUM", "SUMSQ", "MEAN")
        for axis in (0, 1, 2, -1)
        for coeff in ("", "coeff: -2.5")
    )
    ties = [Bottom((2, 5, 3), integers(0, 3))]
    return [
        *cases("Reduction", [(2, 3, 4)], each("reduction_param", operations)),
        *cases("Reduction", [(3, 4)], ["reduction_param { operation: ASUM axis: 1 }"], later=((2, 7),)),
        *cases("ArgMax", [(2, 5, 3), ties, (3, 4, 2, 5)], each("argmax_param", LARGEST), backward=False),
        *cases("ArgMax", [(4, 6)], ["argmax_param { axis: 0 }"], backward=False),
    ]


def _picked() -> list[LayerCase]:
    selectors = [Bottom((5,), one_of(0, 1, 2, 1)), Bottom((5, 1, 1), one_of(0, 1, 3))]
    return [
        *cases("BatchReindex", [[ITEMS, Bottom((count,), integers(0, 5))] for count in (1, 4, 7)]),
        *cases("Filter", [[ITEMS, selectors[0]]]),
        *cases("Filter", [[ITEMS, Bottom((5, 4), is_parameter=True), selectors[1]]], tops=2),
        LayerCase("Parameter", (), "parameter_param { shape { dim: 2 dim: 3 } }", forced=False),
    ]
