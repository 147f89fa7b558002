import numpy as np
import pytest

from fcn_repro.caffe import CaffeError
from tests.fixtures.layers.one_layer import OneLayer

ITEMS = np.float32([[1, 2], [3, 4], [5, 6]])


def test_keeps_the_items_whose_selector_is_not_zero():
    assert OneLayer("Filter", [ITEMS, np.float32([0, 1, 2])]).forward().tolist() == [[3, 4], [5, 6]]


def test_shapes_its_tops_as_if_all_were_selected_until_the_first_forward():
    assert OneLayer("Filter", [ITEMS, np.float32([0, 1, 0])]).top[0].dims == (3, 2)


def test_selecting_nothing_makes_an_empty_top():
    assert OneLayer("Filter", [ITEMS, np.float32([0, 0, 0])]).forward().shape == (0, 2)


def test_items_left_out_get_a_zero_gradient():
    built = OneLayer("Filter", [ITEMS, np.float32([0, 1, 1])])
    built.forward()
    built.top[0].diff[...] = [[1, 2], [3, 4]]
    built.layer.backward(built.top, [True, False], built.bottom)
    assert built.bottom[0].diff.tolist() == [[0, 0], [1, 2], [3, 4]]


def test_refuses_a_selector_with_a_gradient():
    built = OneLayer("Filter", [ITEMS, np.float32([0, 1, 1])])
    built.forward()
    with pytest.raises(CaffeError, match="cannot pass a gradient to its selector, bottom 'b1'"):
        built.layer.backward(built.top, [True, True], built.bottom)
