import numpy as np

from tests.fixtures.layers.one_layer import OneLayer

X = np.float32([-2, -1, -0.5, 0, 1, 1.5])
RANGE = "clip_param { min: -1 max: 1 }"


def test_limits_values_to_the_range():
    assert OneLayer("Clip", [X], RANGE).forward().tolist() == [-1, -1, -0.5, 0, 1, 1]


def test_passes_the_gradient_inside_the_range_and_on_its_ends():
    built = OneLayer("Clip", [X], RANGE)
    built.forward()
    assert built.backward(3.0).tolist() == [0, 3, 3, 3, 3, 0]
