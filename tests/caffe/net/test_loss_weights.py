"""Weights of losses. The numbers are real Caffe 1.0's."""

import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe.errors import CaffeError
from tests.fixtures.small_net import layer, small_net

DATA = """
force_backward: true
layer { name: "in" type: "Input" top: "data" top: "label" input_param { shape { dim: 2 dim: 3 } } }
"""
RELU = 'layer { name: "r" type: "ReLU" bottom: "data" top: "r" loss_weight: 2 }'


def loss(weight: str = "") -> str:
    """A EuclideanLoss layer of the two inputs."""
    return f'layer {{ name: "loss" type: "EuclideanLoss" bottom: "data" bottom: "label" top: "loss" {weight} }}'


def make_net(folder, text: str) -> caffe.Net:
    net = small_net(folder, DATA + text)
    net.blobs["data"].data.flat = range(6)
    return net


def total(net: caffe.Net) -> float:
    return net._forward(0, len(net.layers) - 1)


SLICE = layer("Slice", "data", "a b", "%s slice_param { axis: 0 slice_point: 1 }", "s")
TOTALS = {
    "by default 1": (loss(), 13.75, {"loss": 1}),
    "losses add up": (
        loss("loss_weight: 2") + loss("loss_weight: -3").replace('"loss"', '"second"'),
        (2 - 3) * 13.75, {"loss": 2, "second": -3},
    ),
    "every element of a weighted top counts": (RELU, 2 * 15, {"r": 2}),
    "each top has its weight": (
        SLICE % "loss_weight: 2 loss_weight: -1", 2 * (0 + 1 + 2) - (3 + 4 + 5), {"a": 2, "b": -1}
    ),
    "a weighted top with readers counts through its split": (
        RELU + 'layer { name: "s" type: "Silence" bottom: "r" }', 30, {"r_r_0_split_0": 2}
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected", "weights"), TOTALS.values(), ids=TOTALS)
def test_the_total_is_the_weighted_sum_of_tops(tmp_path, text, expected, weights):
    net = make_net(tmp_path, text)
    assert total(net) == expected
    assert {name: weight for name, weight in net.blob_loss_weights.items() if weight} == weights


@pytest.mark.parametrize("weight", [2, 0, 1, -1, -2.5, 3.75])
def test_a_weight_scales_the_loss_and_its_gradients_but_not_its_top(tmp_path, weight):
    net = make_net(tmp_path, loss(f"loss_weight: {weight}"))
    assert total(net) == weight * 13.75
    assert net.blobs["loss"].data == 13.75
    net.backward()
    np.testing.assert_array_equal(net.blobs["data"].diff, weight * np.arange(6).reshape(2, 3) / 2)


def test_a_loss_with_readers_also_keeps_its_implicit_weight(tmp_path):
    """As in Caffe: the split takes the explicit weight, and the loss, without one, takes 1. Then backward overwrites
    it with the split's gradient, 3."""
    net = make_net(tmp_path, loss("loss_weight: 3") + 'layer { name: "s" type: "Silence" bottom: "loss" }')
    assert total(net) == (1 + 3) * 13.75
    net.backward()
    assert net.blobs["loss"].diff == 3
    assert total(net) == (3 + 3) * 13.75


def test_a_weight_is_the_gradient_of_every_element_of_its_top_until_the_top_grows(tmp_path):
    """As in Caffe: the weights are in the top's diff, and a larger blob starts from zeros."""
    net = make_net(tmp_path, RELU)
    net.forward()
    net.backward()
    assert net.blobs["data"].diff.tolist() == [[0, 2, 2], [2, 2, 2]]  # the gradient of ReLU at 0 is 0
    losses = []
    for rows in (2, 1, 4, 2):
        net.blobs["data"].reshape(rows, 3)
        net.blobs["data"].data[...] = 1
        losses.append(total(net))
    assert losses == [12, 6, 0, 0]


@pytest.mark.parametrize("count", [2, 3])
def test_refuses_another_number_of_weights_than_tops(tmp_path, count):
    complaint = rf"layer 'loss' .* has {count} loss_weight values for 1 tops; expected none or"
    with pytest.raises(CaffeError, match=complaint):
        make_net(tmp_path, loss("loss_weight: 1 " * count))
