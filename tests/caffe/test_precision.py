"""PRECISION changes the type of products in convolutions, and nothing else."""

import numpy as np
import pytest
import torch

from fcn_repro import caffe
from fcn_repro.caffe import kernels
from fcn_repro.caffe.precision import allow_tf32, product_dtype
from tests.fixtures.small_net import write

NET = """
force_backward: true
layer { name: "in" type: "Input" top: "data" top: "label" input_param { shape { dim: 1 dim: 3 dim: 17 dim: 12 }
        shape { dim: 1 dim: 1 dim: 17 dim: 12 } } }
layer { name: "a" type: "Convolution" bottom: "data" top: "a" convolution_param { num_output: 8 kernel_size: 3 pad: 20
        weight_filler { type: "xavier" } bias_filler { type: "constant" value: 0.3 } } }
layer { name: "r" type: "ReLU" bottom: "a" top: "a" }
layer { name: "p" type: "Pooling" bottom: "a" top: "p" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "b" type: "Convolution" bottom: "p" top: "b" convolution_param { num_output: 5 kernel_size: 3
        weight_filler { type: "xavier" } } }
"""
random = np.random.default_rng(0)


@pytest.fixture
def bf16(monkeypatch):
    monkeypatch.setenv("PRECISION", "bf16")


def round_to_bf16(x: np.ndarray) -> np.ndarray:
    """Round to 8 bits of mantissa, the first of which is not stored."""
    mantissa, exponent = np.frexp(x.astype(np.float64))
    return np.ldexp(np.round(mantissa * 256) / 256, exponent)


def make(folder, phase: int) -> caffe.Net:
    caffe.set_random_seed(3)
    net = caffe.Net(write(folder, NET), phase)
    net.blobs["data"].data[...] = random.normal(0, 50, net.blobs["data"].data.shape)
    return net


def test_bf16_rounds_factors_to_8_bits_and_sums_more_finely(tmp_path, bf16):
    net = make(tmp_path, caffe.TRAIN)
    net.forward()
    bottom, top = net.blobs["p"].data.astype(np.float64), net.blobs["b"].data
    windows = np.lib.stride_tricks.sliding_window_view(round_to_bf16(bottom)[0], (3, 3), axis=(1, 2))
    expected = np.einsum("cyxhw,kchw->kyx", windows, round_to_bf16(net.params["b"][0].data))
    assert 0 < abs(top[0] - expected).max() <= 2**-8 * abs(expected).max()  # of the sum, which is rounded once
    assert top.dtype == net.params["b"][0].data.dtype == np.float32


@pytest.mark.parametrize(
    "filters, dtype",
    [
        ((64, 8, 3, 3), torch.bfloat16),
        ((64, 7, 3, 3), torch.float32),  # of an image
        ((1, 8, 1, 3), torch.bfloat16),
        ((64, 4096, 1, 1), torch.bfloat16),
        ((63, 4096, 1, 1), torch.float32),  # of scores
        ((63, 4096), torch.float32),
        ((21, 1, 16, 16), torch.float32),  # of interpolation, per channel
    ],
)
def test_bf16_leaves_small_filters_in_f32(bf16, filters, dtype):
    assert product_dtype(torch.empty(filters)) == dtype


def test_f32_keeps_every_type_and_other_precisions_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("PRECISION", "f32")
    for dtype in torch.float32, torch.float64:
        assert product_dtype(torch.empty(64, 64, 3, 3, dtype=dtype)) == dtype
    monkeypatch.setenv("PRECISION", "fp8")
    with pytest.raises(caffe.CaffeError, match="'fp8'; expected one of f32, tf32, bf16"):
        make(tmp_path, caffe.TEST).forward()


def test_gradients_differ_from_f32_only_by_rounding(tmp_path, monkeypatch):
    found = {}
    image, top = random.normal(0, 50, (1, 3, 17, 12)), random.normal(size=(1, 5, 26, 23))
    for precision in "f32", "bf16":
        monkeypatch.setenv("PRECISION", precision)
        net = make(tmp_path, caffe.TRAIN)
        net.blobs["data"].data[...] = image
        net.forward()
        net.blobs["b"].diff[...] = top
        net.backward()
        found[precision] = [blob.diff.copy() for blob in (net.blobs["data"], *net.params["a"], *net.params["b"])]
    for exact, rounded in zip(found["f32"], found["bf16"], strict=True):
        assert 0 < abs(rounded - exact).max() < 0.05 * abs(exact).max()


def test_updates_too_small_for_bf16_are_kept(tmp_path, bf16):
    net = write(tmp_path, NET.replace("force_backward: true", "") + (
        'layer { name: "loss" type: "EuclideanLoss" bottom: "b" bottom: "b" top: "loss" }'))  # fmt: skip
    solver = caffe.get_solver(write(
        tmp_path, f'net: "{net}" base_lr: 1e-5 lr_policy: "fixed" weight_decay: 1 snapshot_prefix: "{tmp_path}/s"',
        "solver.prototxt"))  # fmt: skip
    before = solver.net.params["a"][0].data.copy()
    solver.step(1)
    change = solver.net.params["a"][0].data - before
    np.testing.assert_allclose(change, -1e-5 * before, rtol=0, atol=2**-24 * abs(before).max())
    assert change.any()


def test_a_cached_border_has_the_precision_of_the_rest(tmp_path, bf16):
    net = make(tmp_path, caffe.TEST)
    for _ in range(4):
        image = random.normal(0, 50, net.blobs["data"].data.shape)
        net.blobs["data"].data[...] = image
        found = net.forward()["b"].copy()
    with kernels.disabled():
        net.blobs["data"].data[...] = image
        expected = net.forward()["b"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=2**-7 * abs(expected).max())


@pytest.mark.parametrize(("precision", "allowed"), [("tf32", True), ("bf16", False), ("f32", False), ("", False)])
def test_tf32_is_allowed_only_on_request(monkeypatch, precision, allowed):
    monkeypatch.setenv("PRECISION", precision)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = not allowed
    allow_tf32()
    assert torch.backends.cudnn.allow_tf32 is torch.backends.cuda.matmul.allow_tf32 is allowed
