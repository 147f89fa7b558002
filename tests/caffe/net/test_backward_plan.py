"""Where gradients go. The expected blobs and parameters are those that real Caffe 1.0 writes gradients to."""

import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe.errors import CaffeError
from tests.fixtures.small_net import small_net

DATA = """
layer { name: "in" type: "DummyData" top: "data" top: "label"
        dummy_data_param { shape { dim: 2 dim: 3 } shape { dim: 2 dim: 3 } data_filler { type: "gaussian" } } }
"""
CLASSES = """
layer { name: "class" type: "DummyData" top: "class" dummy_data_param { shape { dim: 2 } } }
"""


def ip(name: str, bottom: str, more: str = "", lr: tuple[float, float] = (1, 1)) -> str:
    """An InnerProduct layer of three outputs."""
    return f"""
    layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{name}" {more}
             param {{ lr_mult: {lr[0]} }} param {{ lr_mult: {lr[1]} }}
             inner_product_param {{
               num_output: 3 weight_filler {{ type: "gaussian" }} bias_filler {{ value: 1 }} }} }}"""


def loss(bottom: str, more: str = "", name: str = "loss", label: str = "label") -> str:
    """A EuclideanLoss layer."""
    return f"""
    layer {{ name: "{name}" type: "EuclideanLoss" bottom: "{bottom}" bottom: "{label}" top: "{name}" {more} }}"""


FROZEN = (0, 0)
CROP = 'layer { name: "c" type: "Crop" bottom: "a" bottom: "a" top: "c" crop_param { axis: 1 } }'
PLANS = {
    "down to the first parameters": (
        DATA + ip("a", "data") + ip("b", "a") + loss("b"),
        "a b", "a0 a1 b0 b1",
    ),
    "not below parameters that are frozen": (
        DATA + ip("a", "data", lr=FROZEN) + ip("b", "a") + loss("b"),
        "b", "b0 b1",
    ),
    "through frozen parameters to those that learn": (
        DATA + ip("a", "data") + ip("b", "a", lr=FROZEN) + loss("b"),
        "a b", "a0 a1",
    ),
    "to the one parameter of a layer that learns": (
        DATA + ip("a", "data", lr=(0, 1)) + loss("a"),
        "a", "a1",
    ),
    "nowhere without a loss": (
        DATA + ip("a", "data") + ip("b", "a"),
        "", "",
    ),
    "nowhere from a loss of weight 0": (
        DATA + ip("a", "data") + loss("a", "loss_weight: 0"),
        "", "",
    ),
    "from any top with a loss weight": (
        DATA + ip("a", "data") + ip("b", "a", "loss_weight: 2"),
        "a", "a0 a1 b0 b1",
    ),
    "everywhere if forced, even to frozen parameters and to data": (
        "force_backward: true" + DATA + ip("a", "data", lr=FROZEN) + loss("a"),
        "a data label", "a0 a1",
    ),
    "everywhere if forced, even without a loss": (
        "force_backward: true" + DATA + ip("a", "data"),
        "data", "a0 a1",
    ),
    "not to the labels of a classification, even if forced": (
        "force_backward: true" + DATA + CLASSES + ip("a", "data")
        + 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "a" bottom: "class" top: "loss" }',
        "a data", "a0 a1",
    ),
    "not down a branch that only a loss of weight 0 reads": (
        DATA + ip("a", "data") + ip("b", "a") + ip("c", "a") + loss("b") + loss("c", "loss_weight: 0", "off"),
        "a a_a_0_split_0 b", "a0 a1 b0 b1",
    ),
    "from all losses": (
        DATA + ip("a", "data") + ip("b", "a") + ip("c", "a") + loss("b") + loss("c", name="second"),
        "a a_a_0_split_0 a_a_0_split_1 b c", "a0 a1 b0 b1 c0 c1",
    ),
    "not from a reader that leads to no loss": (
        DATA + ip("a", "data") + loss("a") + 'layer { name: "s" type: "Silence" bottom: "a" }',
        "a a_a_0_split_0", "a0 a1",
    ),
    "not below a bottom that is told not to": (
        DATA + ip("a", "data") + ip("b", "a", "propagate_down: false") + loss("b"),
        "b", "b0 b1",
    ),
    "nowhere if the loss is told not to": (
        DATA + ip("a", "data") + loss("a", "propagate_down: false propagate_down: false"),
        "", "",
    ),
    "down the other branch of a split if one is told not to": (
        DATA + ip("a", "data") + ip("b", "a", "propagate_down: false") + ip("c", "a") + loss("b") + loss("c", name="d"),
        "a a_a_0_split_1 b c", "a0 a1 b0 b1 c0 c1",
    ),
    "to data if a layer with parameters is told to": (
        DATA + ip("a", "data", "propagate_down: true") + loss("a"),
        "a data", "a0 a1",
    ),
    "not to data because a layer without parameters is told to": (
        DATA + loss("data", "propagate_down: true propagate_down: true"),
        "", "",
    ),
    "through layers that work in place": (
        DATA + ip("a", "data") + 'layer { name: "r" type: "ReLU" bottom: "a" top: "a" }' + loss("a"),
        "a", "a0 a1",
    ),
    "to both bottoms of a distance": (
        DATA + ip("a", "data") + ip("b", "label") + loss("a", label="b"),
        "a b", "a0 a1 b0 b1",
    ),
    "to a crop's bottom but not to what it takes the size from": (
        DATA + ip("a", "data") + CROP + loss("c"),
        "a a_a_0_split_0 c", "a0 a1",
    ),
}  # fmt: skip


def written(net: caffe.Net) -> tuple[set[str], set[str]]:
    """The names of the blobs and parameters whose diffs a backward pass writes."""
    net.forward()
    for name, blob in net.blobs.items():
        if not net.blob_loss_weights[name]:
            blob.diff[...] = 77
    net.backward()
    blobs = {name for name, blob in net.blobs.items() if not net.blob_loss_weights[name] and (blob.diff != 77).any()}
    params = {f"{name}{i}" for name, blobs in net.params.items() for i, blob in enumerate(blobs) if blob.diff.any()}
    return blobs, params


@pytest.mark.parametrize(("text", "blobs", "params"), PLANS.values(), ids=PLANS)
def test_gradients_go(tmp_path, text, blobs, params):
    assert written(small_net(tmp_path, text)) == (set(blobs.split()), set(params.split()))


def test_a_diff_that_nobody_writes_keeps_its_content_and_a_split_adds_it(tmp_path):
    text, _, _ = PLANS["to a crop's bottom but not to what it takes the size from"]
    net = small_net(tmp_path, text)
    net.forward()
    net.blobs["a_a_0_split_1"].diff[...] = np.float32(100)
    net.backward()
    np.testing.assert_array_equal(net.blobs["a"].diff, net.blobs["a_a_0_split_0"].diff + np.float32(100))


def test_refuses_a_gradient_for_the_labels_of_a_classification(tmp_path):
    net = small_net(
        tmp_path,
        DATA + ip("a", "data") + ip("b", "label").replace("num_output: 3", "num_output: 1")
        + 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "a" bottom: "b" }',
    )  # fmt: skip
    net.params["b"][0].data[...] = 0
    net.forward()
    with pytest.raises(CaffeError, match=r"layer 'loss' .* cannot pass a gradient to its label bottom 'b'"):
        net.backward()


def test_refuses_propagate_down_for_some_bottoms_only(tmp_path):
    with pytest.raises(CaffeError, match="layer 'loss' gives propagate_down 1 times for 2 bottoms"):
        small_net(tmp_path, DATA + loss("data", "propagate_down: true"))
