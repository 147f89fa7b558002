import numpy as np

from tests.fixtures.layers.one_layer import OneLayer


def test_clamps_values_and_passes_the_gradient_inside_the_range_and_on_its_ends():
    built = OneLayer("Clip", [np.float32([-2, -1, -0.5, 0, 1, 1.5])], "clip_param { min: -1 max: 1 }")
    assert built.forward().tolist() == [-1, -1, -0.5, 0, 1, 1]
    assert built.backward(3.0).tolist() == [0, 3, 3, 3, 3, 0]
