"""A dilated mini net: at its stride it has the net's scores, and stitching equals dilating."""

from types import SimpleNamespace

import numpy as np
import pytest
from google.protobuf import text_format

from fcn_repro.analysis.dense_prediction import DenseNet
from fcn_repro.engine import caffe
from fcn_repro.model import dilated, surgery
from nets import build

DATA = SimpleNamespace(class_names=range(3), void=255, inputs={"data": 3}, heads={"label": range(3)})


IMAGE = np.random.default_rng(4).normal(0, 40, (3, 48, 56)).astype(np.float32)


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    """A tenth of the mini net's work: its own trunk up to pool4's scores, with random weights."""
    folder = tmp_path_factory.mktemp("dense")
    deploy = build("vgg16-mini-pool4", "deploy", DATA)
    (folder / "deploy.prototxt").write_text(text_format.MessageToString(deploy))
    net = caffe.Net(str(folder / "deploy.prototxt"), caffe.TEST)
    random = np.random.default_rng(2)
    for name, blobs in net.params.items():
        if "up" not in name:
            fan_in = blobs[0].data[0].size
            blobs[0].data[...] = random.normal(0, (2 / fan_in) ** 0.5, blobs[0].data.shape)
            blobs[1].data[...] = random.normal(0, 0.1, blobs[1].data.shape)
    surgery.interp(net, surgery.find_upsampling_layers(net))
    scorer = next(name for name in net.params if name.startswith("score_"))
    cells = dilated.compute_scores(net, IMAGE)
    net.params[scorer][1].data[...] -= cells.mean(axis=(1, 2))  # so that no class wins everywhere
    net.save(str(folder / "net.caffemodel"))
    return SimpleNamespace(deploy=deploy, net=net, weights=folder / "net.caffemodel", folder=folder)


def dense(net, spacing):
    scorer = [layer.name for layer in net.deploy.layer if layer.name.startswith("score_")][0]
    return DenseNet(net.deploy, scorer, net.weights, spacing, net.folder)


def test_at_its_own_stride_a_net_labels_as_its_deploy_net_does(net):
    expected = dilated.compute_scores(net.net, IMAGE).argmax(0)
    label = dense(net, 16).predict_labels(IMAGE)
    assert label.shape == (48, 56) and len(np.unique(expected)) > 1
    assert (label == expected).mean() > 0.99  # but for ties of rounding


def test_stitching_and_dilating_give_the_same_scores(net):
    equal = dense(net, 8).compare_with_stitching(IMAGE)
    assert equal.cells >= 16 and equal.passes == 4
    assert equal.worst < 1e-4
