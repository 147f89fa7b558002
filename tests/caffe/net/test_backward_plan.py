"""Where gradients go. Real Caffe 1.0 writes gradients to the expected blobs and parameters."""

import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe.errors import CaffeError
from tests.fixtures.small_net import small_net

DATA = """
layer { name: "in" type: "DummyData" top: "data" top: "label"
        dummy_data_param { shape { dim: 2 dim: 3 } shape { dim: 2 dim: 3 } data_filler { type: "gaussian" } } }
"""
CLASSES = '\nlayer { name: "class" type: "DummyData" top: "class" dummy_data_param { shape { dim: 2 } } }'


def ip(name: str, bottom: str, more: str = "", lr: tuple[float, float] = (1, 1)) -> str:
    """An InnerProduct layer with three outputs."""
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
A = ip("a", "data")
CROP = A + 'layer { name: "c" type: "Crop" bottom: "a" bottom: "a" top: "c" crop_param { axis: 1 } }' + loss("c")
SOFTMAX = 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "a" bottom: "class" top: "loss" }'
PLANS = {
    "down to the first parameters": (A + ip("b", "a") + loss("b"), "a b", "a0 a1 b0 b1"),
    "not below frozen parameters": (ip("a", "data", lr=FROZEN) + ip("b", "a") + loss("b"), "b", "b0 b1"),
    "through frozen parameters to trained ones": (A + ip("b", "a", lr=FROZEN) + loss("b"), "a b", "a0 a1"),
    "to the one trained parameter of a layer": (ip("a", "data", lr=(0, 1)) + loss("a"), "a", "a1"),
    "nowhere without a loss": (A + ip("b", "a"), "", ""),
    "nowhere from a loss of weight 0": (A + loss("a", "loss_weight: 0"), "", ""),
    "from any top with a loss weight": (A + ip("b", "a", "loss_weight: 2"), "a", "a0 a1 b0 b1"),
    "everywhere if forced, even to frozen parameters and to data": (
        "force_backward: true" + ip("a", "data", lr=FROZEN) + loss("a"), "a data label", "a0 a1"
    ),
    "everywhere if forced, even without a loss": ("force_backward: true" + A, "data", "a0 a1"),
    "not to the labels of a classification, even if forced": (
        "force_backward: true" + CLASSES + A + SOFTMAX, "a data", "a0 a1"
    ),
    "not down a branch that only a loss of weight 0 reads": (
        A + ip("b", "a") + ip("c", "a") + loss("b") + loss("c", "loss_weight: 0", "off"),
        "a a_a_0_split_0 b", "a0 a1 b0 b1",
    ),
    "from all losses": (
        A + ip("b", "a") + ip("c", "a") + loss("b") + loss("c", name="second"),
        "a a_a_0_split_0 a_a_0_split_1 b c", "a0 a1 b0 b1 c0 c1",
    ),
    "not from a reader without a loss": (
        A + loss("a") + 'layer { name: "s" type: "Silence" bottom: "a" }', "a a_a_0_split_0", "a0 a1"
    ),
    "not below a bottom with propagate_down: false": (
        A + ip("b", "a", "propagate_down: false") + loss("b"), "b", "b0 b1"
    ),
    "nowhere from a loss with propagate_down: false": (
        A + loss("a", "propagate_down: false propagate_down: false"), "", ""
    ),
    "down the other branch of a split if one has propagate_down: false": (
        A + ip("b", "a", "propagate_down: false") + ip("c", "a") + loss("b") + loss("c", name="d"),
        "a a_a_0_split_1 b c", "a0 a1 b0 b1 c0 c1",
    ),
    "to data if a layer with parameters has propagate_down: true": (
        ip("a", "data", "propagate_down: true") + loss("a"), "a data", "a0 a1"
    ),
    "not to data for a layer without parameters": (loss("data", "propagate_down: true propagate_down: true"), "", ""),
    "through in-place layers": (
        A + 'layer { name: "r" type: "ReLU" bottom: "a" top: "a" }' + loss("a"), "a", "a0 a1"
    ),
    "to both bottoms of a distance": (A + ip("b", "label") + loss("a", label="b"), "a b", "a0 a1 b0 b1"),
    "to a crop's bottom but not to its size reference": (CROP, "a a_a_0_split_0 c", "a0 a1"),
}  # fmt: skip


def written(net: caffe.Net) -> tuple[set[str], set[str]]:
    """Return the names of blobs and parameters to whose diffs a backward pass writes."""
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
    assert written(small_net(tmp_path, DATA + text)) == (set(blobs.split()), set(params.split()))


def test_a_diff_without_writer_keeps_its_content_and_a_split_adds_it(tmp_path):
    net = small_net(tmp_path, DATA + CROP)
    net.forward()
    net.blobs["a_a_0_split_1"].diff[...] = np.float32(100)
    net.backward()
    np.testing.assert_array_equal(net.blobs["a"].diff, net.blobs["a_a_0_split_0"].diff + np.float32(100))


def test_refuses_a_gradient_for_the_labels_of_a_classification(tmp_path):
    labels = ip("b", "label").replace("num_output: 3", "num_output: 1")
    net = small_net(tmp_path, DATA + A + labels + SOFTMAX.replace("class", "b"))
    net.params["b"][0].data[...] = 0
    net.forward()
    with pytest.raises(CaffeError, match=r"layer 'loss' .* cannot pass a gradient to its label.*bottom 'b'"):
        net.backward()


def test_refuses_propagate_down_for_only_some_bottoms(tmp_path):
    with pytest.raises(CaffeError, match="layer 'loss': got 1 propagate_down values for 2 bottoms"):
        small_net(tmp_path, DATA + loss("data", "propagate_down: true"))
