"""How losses are weighed. The numbers are real Caffe 1.0's."""

import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe.errors import CaffeError
from tests.fixtures.small_net import small_net

DATA = """
force_backward: true
layer { name: "in" type: "Input" top: "data" top: "label" input_param { shape { dim: 2 dim: 3 } } }
"""


def loss(weight: str = "") -> str:
    """A EuclideanLoss layer of the two inputs."""
    return f'layer {{ name: "loss" type: "EuclideanLoss" bottom: "data" bottom: "label" top: "loss" {weight} }}'


def fed(folder, text: str) -> caffe.Net:
    net = small_net(folder, DATA + text)
    net.blobs["data"].data.flat = range(6)
    return net


def total(net: caffe.Net) -> float:
    return net._forward(0, len(net.layers) - 1)


def test_a_loss_weighs_one_unless_it_says_otherwise_and_no_other_layer_weighs(tmp_path):
    net = fed(tmp_path, loss())
    assert total(net) == 13.75
    assert dict(net.blob_loss_weights) == {"data": 0, "label": 0, "loss": 1}


@pytest.mark.parametrize("weight", [2, 0, 1, -1, -2.5, 3.75])
def test_a_weight_scales_the_loss_and_its_gradients_but_not_its_top(tmp_path, weight):
    net = fed(tmp_path, loss(f"loss_weight: {weight}"))
    assert total(net) == weight * 13.75
    assert net.blobs["loss"].data == 13.75
    net.backward()
    np.testing.assert_array_equal(net.blobs["data"].diff, weight * np.arange(6).reshape(2, 3) / 2)


def test_losses_of_a_net_add_up(tmp_path):
    second = loss("loss_weight: -3").replace('"loss"', '"second"')
    net = fed(tmp_path, loss("loss_weight: 2") + second)
    assert total(net) == (2 - 3) * 13.75


def test_every_element_of_a_weighted_top_counts(tmp_path):
    net = fed(tmp_path, 'layer { name: "r" type: "ReLU" bottom: "data" top: "r" loss_weight: 2 }')
    assert total(net) == 2 * 15
    net.backward()
    assert net.blobs["data"].diff.tolist() == [[0, 2, 2], [2, 2, 2]]  # the gradient of ReLU at 0 is 0


def test_each_top_has_its_own_weight(tmp_path):
    slicing = "slice_param { axis: 0 slice_point: 1 }"
    text = (
        f'layer {{ name: "s" type: "Slice" bottom: "data" top: "a" top: "b" loss_weight: 2 loss_weight: -1 {slicing} }}'
    )
    assert total(fed(tmp_path, text)) == 2 * (0 + 1 + 2) - (3 + 4 + 5)


def test_a_weighted_top_that_others_read_weighs_through_its_split(tmp_path):
    text = """layer { name: "r" type: "ReLU" bottom: "data" top: "r" loss_weight: 2 }
              layer { name: "s" type: "Silence" bottom: "r" }"""
    net = fed(tmp_path, text)
    assert total(net) == 30
    assert {name: weight for name, weight in net.blob_loss_weights.items() if weight} == {"r_r_0_split_0": 2}


def test_a_loss_that_others_read_keeps_its_implicit_weight_besides(tmp_path):
    """As in Caffe: the split takes the explicit weight away, and the loss, finding none, takes 1; then backward
    writes the split's gradient, 3, over it."""
    net = fed(tmp_path, loss("loss_weight: 3") + 'layer { name: "s" type: "Silence" bottom: "loss" }')
    assert total(net) == (1 + 3) * 13.75
    net.backward()
    assert net.blobs["loss"].diff == 3
    assert total(net) == (3 + 3) * 13.75


def test_weights_are_written_once_so_a_top_that_grows_weighs_nothing(tmp_path):
    """As in Caffe: the weights lie in the top's diff, and growing begins with zeros."""
    net = fed(tmp_path, 'layer { name: "r" type: "ReLU" bottom: "data" top: "r" loss_weight: 2 }')
    losses = []
    for rows in (2, 1, 4, 2):
        net.blobs["data"].reshape(rows, 3)
        net.blobs["data"].data[...] = 1
        losses.append(total(net))
    assert losses == [12, 6, 0, 0]


@pytest.mark.parametrize("weights", ["loss_weight: 1 loss_weight: 1", "loss_weight: 0 loss_weight: 0 loss_weight: 0"])
def test_refuses_another_number_of_weights_than_tops(tmp_path, weights):
    with pytest.raises(
        CaffeError, match=r"layer 'loss' .* has [23] loss_weight values for 1 tops; expected none or one"
    ):
        fed(tmp_path, loss(weights))
