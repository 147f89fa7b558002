"""Layers that work element by element."""

from __future__ import annotations

import itertools

from tests.oracle.layer_case import TEST, TRAIN, Bottom, LayerCase, between, cases, each, integers, one_of

ANYWHERE = [(2, 3, 4, 5), (7,), (3, 4), (2, 3, 2, 2, 2)]
WITH_ZEROS = [Bottom((2, 3, 4, 5), one_of(-2, -1, 0, 0.5, 3))]
EXTREME = [Bottom((4, 25), one_of(-1e4, -120, -88, -30, -0.5, 1, 30, 60, 88.5, 1e4))]
POSITIVE = [Bottom((2, 3, 4), between(0.2, 3))]

IN_PLACE_OR_NOT = {
    "ReLU": ["", "relu_param { negative_slope: 0.1 }"],
    "ELU": ["", "elu_param { alpha: 0.3 }"],
    "Sigmoid": [""],
    "TanH": [""],
    "Swish": ["", "swish_param { beta: 0.5 }", "swish_param { beta: -2 }"],
    "Exp": each(
        "exp_param",
        """
        -
        base: 2
        base: 3 scale: 0.5 shift: 1
        scale: -1 shift: -0.5
        """,
    ),
}
LOGARITHMS = """
    -
    base: 2
    base: 10 scale: 2 shift: 0.3
    base: 0.5
"""
POWERS = """
    -
    power: 2
    power: 2 scale: 0.3 shift: -1
    power: 0.37 scale: 2
    power: -1.5 scale: 0.5 shift: 1
    power: 3 shift: 0.1
    scale: -2 shift: 5
    power: 0 shift: 3
    power: 2 scale: 0 shift: 3
    power: 0 scale: 0
"""
SLOPES = """
    -
    channel_shared: true
    filler { type: "gaussian" }
    channel_shared: true filler { type: "constant" value: -0.5 }
"""
RATIOS = """
    -
    dropout_ratio: 0.2
    dropout_ratio: 0.9
"""


def table() -> list[LayerCase]:
    """Values around zero and at the ends of the range, in place and not."""
    found = []
    for type_, params in IN_PLACE_OR_NOT.items():
        found += cases(type_, [*ANYWHERE, WITH_ZEROS], params)
        found += cases(type_, ANYWHERE[:2], params, in_place=True)
        found += cases(type_, ANYWHERE[:1], params, later=((1, 2, 9, 3),))
    for type_ in ("BNLL", "Sigmoid", "TanH", "ELU", "Swish", "ReLU"):
        found += cases(type_, [EXTREME])
    return [*found, *_others(), *_prelu(), *_dropout()]


def _others() -> list[LayerCase]:
    any_sign = ["power_param { power: 2 shift: 1 }", "power_param { power: 3 }", "power_param { power: 0.5 }"]
    return [
        *cases("BNLL", [*ANYWHERE, WITH_ZEROS]),
        *cases("BNLL", ANYWHERE[:1], in_place=True),
        *cases("ReLU", ANYWHERE[:1], ["relu_param { negative_slope: -0.5 }"]),
        *cases("AbsVal", [*ANYWHERE, WITH_ZEROS]),
        *cases("Threshold", [(2, 3, 4), [Bottom((3, 4), integers(-1, 2))]], backward=False),
        *cases("Threshold", [(2, 3, 4)], ["threshold_param { threshold: 0.7 }"], backward=False),
        *cases("Log", [POSITIVE], each("log_param", LOGARITHMS)),
        *cases("Power", [POSITIVE], each("power_param", POWERS)),
        *cases("Power", [(2, 5), WITH_ZEROS], any_sign),
        *cases("Power", [(2, 5)], ["power_param { scale: 3 shift: 2 }"], in_place=True, backward=False),
    ]


def _prelu() -> list[LayerCase]:
    params = each("prelu_param", SLOPES)
    return [
        *cases("PReLU", [(2, 3, 4, 5), (4, 3), (2, 3, 7), WITH_ZEROS], params),
        *cases("PReLU", [(2, 3, 4, 5), (4, 3)], params, in_place=True),
        *cases("PReLU", [(2, 3, 4, 5)], later=((1, 3, 2, 9),)),
    ]


def _dropout() -> list[LayerCase]:
    found = []
    for phase, in_place in itertools.product((TRAIN, TEST), (False, True)):
        shapes = [(2, 3, 16, 16), (5, 7)]
        found += cases("Dropout", shapes, each("dropout_param", RATIOS), phase=phase, in_place=in_place)
    found += cases("Dropout", [(4, 30)], ["phase: TEST"], phase=TRAIN)
    found += cases("Dropout", [(4, 30)], ["phase: TRAIN"], phase=TEST)
    return found
