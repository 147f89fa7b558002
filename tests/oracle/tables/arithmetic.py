"""Eltwise, Scale, Bias, InnerProduct, Embed."""

from __future__ import annotations

import itertools

from tests.oracle.layer_case import Bottom, LayerCase, cases, each, integers

FILLED = 'weight_filler { type: "gaussian" std: 0.5 } bias_filler { type: "uniform" }'
PAIR, TRIPLE = [Bottom((2, 3, 4))] * 2, [Bottom((3, 4, 2, 2))] * 3
TIES = [Bottom((4, 5), integers(0, 3))] * 3
OPERATIONS = """
    -
    operation: PROD
    operation: MAX
"""
# Batch 1 and 3: Caffe overwrites a learned factor's gradient in one and adds to it in the other.
SPREADS = [
    f"{axes} filler {{ type: 'gaussian' }}"
    for axes in ("", "axis: 0", "axis: 0 num_axes: 2", "axis: 2", "axis: 1 num_axes: -1", "axis: 0 num_axes: -1",
                 "num_axes: 0", "axis: -1", "axis: -2 num_axes: 2")
]  # fmt: skip
GIVEN = {  # the second bottom's shape, beside a first one of (3, 4, 5, 2)
    (4,): "axis: 1",
    (3,): "axis: 0",
    (3, 4): "axis: 0",
    (2,): "axis: 3",
    (5, 2): "axis: 2",
    (): "",
    (3, 4, 5, 2): "axis: 0",
    (4, 5): "axis: -3",
}
PRODUCTS = """
    bias_term: true
    bias_term: false
    transpose: true
    transpose: true bias_term: false
    axis: 2
    axis: -1
    axis: 0
"""


def table() -> list[LayerCase]:
    """Operations, coefficients, ties; axes that are spread over; transposed weights; indices."""
    return [*_eltwise(), *_spread(), *_given(), *_products(), *_embed()]


def _eltwise() -> list[LayerCase]:
    found = []
    for bottoms in (PAIR, TRIPLE, TIES, [Bottom((6,))] * 4):
        coeff = " ".join(f"coeff: {value}" for value in (1, -0.5, 2, 0)[: len(bottoms)])
        found += cases("Eltwise", [bottoms], [*each("eltwise_param", OPERATIONS), f"eltwise_param {{ {coeff} }}"])
    found += cases("Eltwise", [PAIR, TRIPLE], ["eltwise_param { operation: PROD stable_prod_grad: false }"])
    found += cases("Eltwise", [PAIR], each("eltwise_param", OPERATIONS), later=((1, 2, 3), (1, 2, 3)))
    return found


def _spread() -> list[LayerCase]:
    found = cases("Scale", [(2, 3)], ["", "scale_param { bias_term: true bias_filler { value: 2 } }"])
    for batch, spread, in_place in itertools.product((1, 3), SPREADS, (False, True)):
        shape = (batch, 4, 3, 2)
        scales = [f"scale_param {{ {spread} }}", f"scale_param {{ {spread} bias_term: true }}"]
        found += cases("Scale", [shape], scales, in_place=in_place)
        found += cases("Bias", [shape], [f"bias_param {{ {spread} }}"], in_place=in_place)
    return found


def _given() -> list[LayerCase]:
    found = []
    for (shape, axis), in_place in itertools.product(GIVEN.items(), (False, True)):
        bottoms = [Bottom((3, 4, 5, 2)), Bottom(shape)]
        biased = f"scale_param {{ {axis} bias_term: true bias_filler {{ value: 1 }} }}"
        found += cases("Scale", [bottoms], [f"scale_param {{ {axis} }}", biased], in_place=in_place)
        found += cases("Bias", [bottoms], [f"bias_param {{ {axis} }}"], in_place=in_place)
    return found


def _products() -> list[LayerCase]:
    params = [text[:-1] + f"num_output: 6 {FILLED} }}" for text in each("inner_product_param", PRODUCTS)]
    return [
        *cases("InnerProduct", [(3, 4, 5), (2, 3, 4, 5)], params),
        *cases("InnerProduct", [(3, 7)], [f"inner_product_param {{ num_output: 2 {FILLED} }}"], later=((5, 7),)),
        *cases("InnerProduct", [(3, 7)], ["inner_product_param { num_output: 2 }"]),
    ]


def _embed() -> list[LayerCase]:
    params = [f"embed_param {{ input_dim: 5 num_output: 3 {option} {FILLED} }}" for option in ("", "bias_term: false")]
    indices = [[Bottom(shape, integers(0, 5))] for shape in ((4,), (2, 3), (2, 1, 3))]
    return cases("Embed", indices, params, forced=False)
