import math

import pytest

from fcn_repro.engine import caffe
from fcn_repro.model.loss_heads import read_heads

NET = """
layer {{ name: "score" type: "Input" top: "score" input_param {{ shape {{ dim: [2, 3, 4, 5] }} }} }}
layer {{ name: "label" type: "Input" top: "label" input_param {{ shape {{ dim: [2, 1, 4, 5] }} }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "score" bottom: "label" top: "loss" {param} }}
"""


@pytest.fixture
def head(tmp_path):
    """A head and its net, whose scores are all equal; labels are void in the first row, if void is ignored."""

    def build(param):
        path = tmp_path / "net.prototxt"
        path.write_text(NET.format(param=param))
        net = caffe.Net(str(path), caffe.TEST)
        net.blobs["score"].data[...] = 1
        net.blobs["label"].data[:, :, 0] = 255 if "ignore_label" in param else 0
        net.forward()
        return read_heads(path)[0], net

    return build


@pytest.mark.parametrize(
    "param, normalization",
    [
        ("normalize: false", "BATCH_SIZE"),
        ("normalize: true", "VALID"),
        ("", "VALID"),
        ("normalization: FULL", "FULL"),
        ("normalization: NONE normalize: true", "NONE"),
    ],
)
@pytest.mark.parametrize("void", ["ignore_label: 255", ""])
def test_equal_scores_cost_ln_of_the_classes_per_pixel_in_every_normalization(head, param, normalization, void):
    found, net = head(f"loss_param {{ {void} {param} }}")
    assert found.normalization == normalization
    assert found.loss_per_pixel(net) == pytest.approx(math.log(3), rel=1e-6)


def test_a_summed_loss_grows_with_the_image_and_a_mean_does_not(head):
    summed, net = head("loss_param { ignore_label: 255 normalize: false }")
    assert summed.is_sum
    assert summed.loss_of(net) == pytest.approx(15 * math.log(3), rel=1e-6)
    mean, net = head("loss_param { ignore_label: 255 normalize: true }")
    assert not mean.is_sum
    assert mean.loss_of(net) == pytest.approx(math.log(3), rel=1e-6)


def test_a_loss_weight_counts_in_the_loss_but_not_per_pixel_and_void_costs_nothing(head):
    found, net = head("loss_weight: 0.5 loss_param { ignore_label: 255 }")
    assert found.loss_of(net) == pytest.approx(math.log(3) / 2, rel=1e-6)
    assert found.loss_per_pixel(net) == pytest.approx(math.log(3), rel=1e-6)
    found, net = head("loss_param { ignore_label: 255 normalize: false }")
    net.blobs["label"].data[...] = 255
    net.forward()
    assert found.loss_per_pixel(net) == 0


def test_every_loss_layer_is_a_head_with_its_blobs_and_number_of_classes(head, tmp_path):
    found, net = head("")
    assert (found.score, found.label, found.loss, found.ignore_label) == ("score", "label", "loss", None)
    assert found.classes(net) == 3
    second = 'layer { name: "l2" type: "SoftmaxWithLoss" bottom: "score_geo" bottom: "geo" top: "loss_geo" }'
    (tmp_path / "net.prototxt").write_text(NET.format(param="") + second)
    assert [head.score for head in read_heads(tmp_path / "net.prototxt")] == ["score", "score_geo"]
    (tmp_path / "net.prototxt").write_text('layer { name: "data" type: "Input" top: "data" }')
    with pytest.raises(ValueError, match=r"net\.prototxt: no SoftmaxWithLoss"):
        read_heads(tmp_path / "net.prototxt")
