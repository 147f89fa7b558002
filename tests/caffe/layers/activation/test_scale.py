import numpy as np
import pytest

from tests.fixtures.layers.one_layer import OneLayer


@pytest.mark.parametrize(
    ("shape", "param", "passes_counted"),
    [
        ((1, 3, 4), "", 1),  # no dims before the axis: only the last pass counts
        ((2, 3, 4), "", 2),
        ((2, 3, 4), "scale_param { axis: 0 }", 1),
        ((2, 3, 4), "scale_param { axis: 0 num_axes: -1 }", 1),  # a factor for every element
        ((1, 3, 4), "scale_param { num_axes: 0 }", 2),  # a scalar
    ],
)
def test_overwrites_the_factors_gradient_as_caffe_does(shape, param, passes_counted):
    built = OneLayer("Scale", [np.ones(shape, np.float32)], param)
    for _ in range(2):
        built.forward()
        built.backward()
    per_pass = np.prod(shape) / built.layer.blobs[0].count
    assert built.layer.blobs[0].diff == pytest.approx(passes_counted * per_pass)


def test_in_place_keeps_its_input_for_the_gradient_even_if_a_view_exists():
    built = OneLayer("Scale", [np.full((2, 3), 5, np.float32)], "scale_param { filler { value: 2 } }")
    built.layer.param.top[0] = "b0"
    blob = built.bottom[0]
    view = blob.data
    built.layer.reshape([blob], [blob])
    built.layer.forward([blob], [blob])
    assert (view == 10).all()
    blob.diff[...] = 1
    built.layer.backward([blob], [True], [blob])
    assert built.layer.blobs[0].diff == pytest.approx(2 * 5)
