"""Deconvolutions that do not mix channels are computed channel by channel, and only those."""

import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe import kernels
from tests.fixtures.small_net import small_net

NET = """
force_backward: true
layer {{ name: "in" type: "Input" top: "x" input_param {{ shape {{ dim: 2 dim: 3 dim: 5 dim: 4 }} }} }}
layer {{ name: "up" type: "Deconvolution" bottom: "x" top: "y" param {{ lr_mult: {lr} }}
         convolution_param {{ num_output: 3 kernel_size: 4 stride: 2 pad: 1 bias_term: {bias} }} }}
"""
random = np.random.default_rng(0)


def make_net(folder, lr: float = 0, bias: str = "false", mixing: float = 0) -> caffe.Net:
    net = small_net(folder, NET.format(lr=lr, bias=bias))
    filters = net.params["up"][0].data
    filters[range(3), range(3)] = random.normal(size=(3, 4, 4))
    filters[0, 1, 2, 3] = mixing
    net.blobs["x"].data[...] = random.normal(size=net.blobs["x"].data.shape)
    return net


def passes(net: caffe.Net) -> list[np.ndarray]:
    net.clear_param_diffs()
    net.forward()
    net.blobs["y"].diff[...] = np.cos(np.arange(net.blobs["y"].count)).reshape(net.blobs["y"].data.shape)
    net.backward()
    blobs = [net.blobs["y"].data, net.blobs["x"].diff, *(blob.diff for blob in net.params["up"])]
    return [blob.copy() for blob in blobs]


@pytest.mark.parametrize("mixing", [0, 1e-30], ids=["diagonal", "mixing"])
@pytest.mark.parametrize("bias", ["false", "true"])
@pytest.mark.parametrize("lr", [0, 1], ids=["frozen", "learning"])
def test_values_and_gradients_are_those_of_all_filters(tmp_path, lr, bias, mixing):
    net = make_net(tmp_path, lr, bias, mixing)
    found = passes(net)
    with kernels.disabled():
        expected = passes(net)
    for array, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(array, other, atol=1e-5)


def test_only_filters_that_are_zero_off_the_diagonal_are_computed_by_channel(tmp_path):
    assert make_net(tmp_path).layers[1].filters()[1] == 3
    assert make_net(tmp_path, mixing=1e-30).layers[1].filters()[1] == 1
    with kernels.disabled():
        assert make_net(tmp_path).layers[1].filters()[1] == 1


def test_filters_that_begin_to_mix_are_noticed(tmp_path):
    net = make_net(tmp_path)
    net.forward()
    net.params["up"][0].data[1, 2] = 5
    found = net.forward()["y"].copy()
    with kernels.disabled():
        np.testing.assert_allclose(found, net.forward()["y"], atol=1e-5)
    held = net.params["up"][0].data
    net.forward()
    held[2, 0] = -7
    found = net.forward()["y"].copy()
    with kernels.disabled():
        np.testing.assert_allclose(found, net.forward()["y"], atol=1e-5)
