"""With bf16, maps are stored channels last from the image to the first layer that needs C order."""

import numpy as np
import pytest
import torch

from fcn_repro import caffe
from fcn_repro.caffe import kernels
from fcn_repro.caffe.kernels import channels_last
from tests.fixtures.small_net import write

NET = """
force_backward: true
layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 15 dim: 12 } } }
layer { name: "a" type: "Convolution" bottom: "data" top: "a" convolution_param { num_output: 16 kernel_size: 3 pad: 4
        weight_filler { type: "xavier" } bias_filler { type: "constant" value: 0.3 } } }
layer { name: "rectified" type: "ReLU" bottom: "a" top: "a" }
layer { name: "b" type: "Convolution" bottom: "a" top: "b" convolution_param { num_output: 24 kernel_size: 3
        weight_filler { type: "xavier" } } }
layer { name: "apart" type: "ReLU" bottom: "b" top: "apart" }
layer { name: "pool" type: "Pooling" bottom: "apart" top: "pool" pooling_param { pool: %s kernel_size: 2 stride: 2 } }
layer { name: "sigmoid" type: "Sigmoid" bottom: "pool" top: "sigmoid" }
layer { name: "c" type: "Convolution" bottom: "sigmoid" top: "c" convolution_param { num_output: 8 kernel_size: 3
        weight_filler { type: "xavier" } } }
layer { name: "sum" type: "Reduction" bottom: "c" top: "sum" loss_weight: 1 }
"""
ONWARD = ["a", "b", "apart", "pool"]  # from the image to the first layer that needs C order


def lies_last(x: torch.Tensor) -> bool:
    return channels_last.memory_format_of(x) == torch.channels_last


def passed(folder, pool: str = "MAX", phase: int = caffe.TRAIN) -> caffe.Net:
    caffe.set_random_seed(3)
    net = caffe.Net(write(folder, NET % pool), phase)
    net.blobs["data"].data[...] = np.random.default_rng(1).normal(0, 50, net.blobs["data"].data.shape)
    net.forward()
    return net


@pytest.fixture
def bf16(monkeypatch):
    monkeypatch.setenv("PRECISION", "bf16")


@pytest.mark.parametrize("phase", [caffe.TRAIN, caffe.TEST])
def test_maps_are_channels_last_from_the_image_to_a_layer_that_needs_c_order(tmp_path, bf16, phase):
    net = passed(tmp_path, phase=phase)
    lying = [name for name, blob in net.blobs.items() if lies_last(blob.tensor_any_order)]
    assert lying == ONWARD[:-1]  # reading converted the last one
    net.backward()
    gradients = {name: lies_last(blob.gradient_any_order) for name, blob in net.blobs.items()}
    assert gradients["a"] and gradients["apart"]  # of a convolution and of pooling, with bottoms in this layout
    assert not gradients["data"] and not gradients["sigmoid"]


@pytest.mark.parametrize("pool", ["MAX", "AVE"])
@pytest.mark.parametrize("phase", [caffe.TRAIN, caffe.TEST])
def test_read_values_are_those_of_the_plain_path_in_c_order(tmp_path, bf16, pool, phase):
    found = passed(tmp_path, pool, phase)
    found.backward()
    with kernels.disabled():
        expected = passed(tmp_path, pool, phase)
        expected.backward()
        assert not any(lies_last(blob.tensor_any_order) for blob in expected.blobs.values())
    pairs = [(found.blobs[name], blob) for name, blob in expected.blobs.items()]
    for name, blobs in expected.params.items():
        pairs += zip(found.params[name], blobs, strict=True)
    for one, other in pairs:
        for seen, plain in (one.data, other.data), (one.diff, other.diff):
            assert seen.flags.c_contiguous
            np.testing.assert_allclose(seen, plain, rtol=0, atol=2**-6 * np.abs(plain).max())
    assert expected.params["a"][0].diff.any()


@pytest.mark.parametrize(
    "precision, shape, begins",
    [
        ("bf16", (1, 3, 9, 9), True),
        ("bf16", (2, 7, 9, 9), True),
        ("bf16", (1, 8, 9, 9), False),
        ("bf16", (1, 3, 9), False),
        ("bf16", (1, 3, 9, 9, 9), False),
        ("f32", (1, 3, 9, 9), False),
    ],
)
def test_it_starts_at_images_and_with_bf16(monkeypatch, precision, shape, begins):
    monkeypatch.setenv("PRECISION", precision)
    x = torch.rand(shape)
    begun = channels_last.start(x)
    assert lies_last(begun) is begins and torch.equal(begun, x)
    with kernels.disabled():
        assert channels_last.start(x) is x


def test_a_map_in_both_layouts_counts_as_c_order():
    assert not lies_last(torch.rand(1, 1, 5, 4).contiguous(memory_format=torch.channels_last))
    assert not lies_last(torch.rand(1, 5, 1, 1).contiguous(memory_format=torch.channels_last))
