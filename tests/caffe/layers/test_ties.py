"""The winner among equal values differs between layers, and from numpy and torch."""

import numpy as np

from tests.fixtures.layers.one_layer import OneLayer

EQUAL = np.float32([[2, 2, 1]])


def test_argmax_returns_the_larger_index():
    assert OneLayer("ArgMax", [EQUAL], "argmax_param { axis: 1 }").forward().tolist() == [[1]]


def test_accuracy_ranks_equal_scores_before_the_true_class():
    assert OneLayer("Accuracy", [EQUAL, np.float32([0])]).forward() == 0
    assert OneLayer("Accuracy", [EQUAL, np.float32([0])], "accuracy_param { top_k: 2 }").forward() == 1


def test_eltwise_max_passes_the_gradient_to_the_second_bottom():
    built = OneLayer("Eltwise", [EQUAL] * 3, "eltwise_param { operation: MAX }")
    built.forward()
    built.backward()
    assert [blob.diff.tolist() for blob in built.bottom] == [[[0, 0, 0]], [[1, 1, 1]], [[0, 0, 0]]]


def test_relu_elu_and_abs_val_treat_zero_as_negative():
    zero = np.float32([0])
    for type_, param, expected in (
        ("ReLU", "relu_param { negative_slope: 0.25 }", 0.25),
        ("ELU", "elu_param { alpha: 0.5 }", 0.5),
        ("AbsVal", "", 0),
    ):
        built = OneLayer(type_, [zero], param)
        built.forward()
        assert built.backward() == expected, type_
