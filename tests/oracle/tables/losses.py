"""Losses, and Accuracy."""

from __future__ import annotations

from tests.oracle.layer_case import Bottom, LayerCase, between, cases, each, integers, one_of

SCORES, LABELS = Bottom((3, 5, 4, 2)), Bottom((3, 1, 4, 2), integers(0, 5))
FLAT_LABELS = Bottom((4,), integers(0, 6))
DIVISORS = """
    -
    normalization: FULL
    normalization: VALID
    normalization: BATCH_SIZE
    normalization: NONE
    normalize: true
    normalize: false
    normalization: FULL normalize: false
"""
IGNORING = "\n".join(f"{line.replace('-', '')} ignore_label: 255" for line in DIVISORS.strip().splitlines())
PAIRS = """
    -
    margin: 4
    legacy_version: true margin: 9
"""
HITS = """
    -
    top_k: 2
    top_k: 6
    ignore_label: 3
    top_k: 3 ignore_label: 0
"""


def table() -> list[LayerCase]:
    """Divisors, ignored labels, weights, ties."""
    return [*_softmax(), *_sigmoid(), *_infogain(), *_others(), *_accuracy()]


def _softmax() -> list[LayerCase]:
    some_ignored, all_ignored = (Bottom((3, 4, 2), one_of(*values)) for values in ((0, 1, 3, 255), (255,)))
    flat = [Bottom((4, 6)), FLAT_LABELS]
    last = [Bottom((4, 3, 5)), Bottom((4, 3), integers(0, 5))]
    large = [Bottom((4, 6), one_of(-500, 0, 500)), FLAT_LABELS]
    fractions = [SCORES, Bottom((3, 4, 2), between(0, 4.99))]
    return [
        *cases("SoftmaxWithLoss", [[SCORES, LABELS], flat], each("loss_param", DIVISORS)),
        *cases("SoftmaxWithLoss", [[SCORES, some_ignored], [SCORES, all_ignored]], each("loss_param", IGNORING)),
        *cases("SoftmaxWithLoss", [flat], ["loss_weight: 2.5"]),
        *cases(
            "SoftmaxWithLoss",
            [last],
            ["softmax_param { axis: 2 }", "softmax_param { axis: -1 } loss_param { normalize: false }"],
        ),
        *cases("SoftmaxWithLoss", [large, fractions]),
        *cases(
            "SoftmaxWithLoss",
            [[SCORES, LABELS]],
            ["loss_param { normalize: false }"],
            later=((1, 5, 3, 7), (1, 1, 3, 7)),
        ),
    ]


def _sigmoid() -> list[LayerCase]:
    wide = [Bottom((3, 4, 2)), Bottom((3, 4, 2), between(0, 1))]
    large = [Bottom((2, 3), one_of(-60, -1, 0, 1, 60)), Bottom((2, 3), one_of(0, 1))]
    ignored = [Bottom((3, 4, 2)), Bottom((3, 4, 2), one_of(0, 1, 255, -1))]
    return [
        *cases("SigmoidCrossEntropyLoss", [wide, large], each("loss_param", DIVISORS)),
        *cases("SigmoidCrossEntropyLoss", [ignored], each("loss_param", IGNORING)),
        *cases("SigmoidCrossEntropyLoss", [ignored], ["loss_param { ignore_label: -1 }", "loss_weight: 0.5"]),
    ]


def _infogain() -> list[LayerCase]:
    scores, weights = Bottom((3, 5, 4, 2), is_parameter=True), Bottom((1, 1, 5, 5))
    last = [Bottom((4, 3, 5), is_parameter=True), Bottom((4, 3), integers(0, 5)), weights]
    divisors = "\n".join(line for line in DIVISORS.strip().splitlines() if "normalize" not in line)
    return [
        *cases("InfogainLoss", [[scores, LABELS, weights]], each("loss_param", divisors)),
        *cases("InfogainLoss", [[scores, LABELS, weights]], ["loss_param { ignore_label: 1 }"]),
        *cases("InfogainLoss", [last], ["infogain_loss_param { axis: 2 }"]),
    ]


def _others() -> list[LayerCase]:
    flat, deep = [Bottom((4, 6)), FLAT_LABELS], [Bottom((3, 2, 2)), Bottom((3, 1, 1), integers(0, 4))]
    sure, vanishing = Bottom((4, 6), between(0, 1)), Bottom((4, 6), one_of(0, 1e-25, 1))
    features = [Bottom((5, 4)), Bottom((5, 4)), Bottom((5,), one_of(0, 1))]
    deep_features = [Bottom((5, 4, 1, 1)), Bottom((5, 4, 1, 1)), Bottom((5, 1), one_of(0, 1))]
    return [
        *cases("EuclideanLoss", [[Bottom((3, 4, 2))] * 2, [Bottom((2, 6)), Bottom((2, 3, 2))]], ["", "loss_weight: 3"]),
        *cases("HingeLoss", [flat, deep], each("hinge_loss_param", "-\nnorm: L1\nnorm: L2")),
        *cases("MultinomialLogisticLoss", [[sure, FLAT_LABELS], [vanishing, FLAT_LABELS]]),
        *cases("ContrastiveLoss", [features, deep_features], each("contrastive_loss_param", PAIRS)),
    ]


def _accuracy() -> list[LayerCase]:
    distinct = [Bottom((4, 6, 3, 2)), Bottom((4, 3, 2), integers(0, 6))]
    ties = [Bottom((4, 6, 3, 2), integers(0, 4)), Bottom((4, 1, 3, 2), integers(0, 6))]
    last = [Bottom((4, 3, 6)), Bottom((4, 3), integers(0, 6))]
    all_ignored = [Bottom((4, 6)), Bottom((4,), one_of(9))]
    found = []
    for tops in (1, 2):
        found += cases("Accuracy", [distinct, ties], each("accuracy_param", HITS), tops=tops, backward=False)
        found += cases("Accuracy", [last], ["accuracy_param { axis: -1 }"], tops=tops, backward=False)
        found += cases("Accuracy", [all_ignored], ["accuracy_param { ignore_label: 9 }"], tops=tops, backward=False)
    return found
