import numpy as np
import pytest

from fcn_repro.caffe import CaffeError
from tests.fixtures.layers.one_layer import OneLayer

ITEMS = np.float32([[1, 2], [3, 4], [5, 6]])


@pytest.mark.parametrize(("selector", "kept"), [([0, 1, 2], [[3, 4], [5, 6]]), ([0, 0, 0], [])])
def test_keeps_items_whose_selector_is_not_zero_from_the_first_forward(selector, kept):
    built = OneLayer("Filter", [ITEMS, np.float32(selector)])
    assert built.top[0].dims == (3, 2)
    assert built.forward().tolist() == kept and built.top[0].dims == (len(kept), 2)


def test_other_items_get_a_zero_gradient():
    built = OneLayer("Filter", [ITEMS, np.float32([0, 1, 1])])
    built.forward()
    built.top[0].diff[...] = [[1, 2], [3, 4]]
    built.layer.backward(built.top, [True, False], built.bottom)
    assert built.bottom[0].diff.tolist() == [[0, 0], [1, 2], [3, 4]]


def test_refuses_to_pass_a_gradient_to_the_selector():
    built = OneLayer("Filter", [ITEMS, np.float32([0, 1, 1])])
    built.forward()
    with pytest.raises(CaffeError, match="cannot pass a gradient to its selector, bottom 'b1'"):
        built.layer.backward(built.top, [True, True], built.bottom)
