"""PRECISION changes what convolutions multiply with, and nothing else."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from fcn_repro import caffe
from fcn_repro.caffe import kernels
from fcn_repro.caffe.precision import allow_tf32, factors
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


def rounded(x: np.ndarray) -> np.ndarray:
    """To 8 bits of mantissa, the first of which is not stored."""
    mantissa, exponent = np.frexp(x.astype(np.float64))
    return np.ldexp(np.round(mantissa * 256) / 256, exponent)


def make(folder, phase: int) -> caffe.Net:
    caffe.set_random_seed(3)
    net = caffe.Net(write(folder, NET), phase)
    net.blobs["data"].data[...] = random.normal(0, 50, net.blobs["data"].data.shape)
    return net


def test_bf16_products_are_those_of_factors_of_8_bits_and_sums_are_finer(tmp_path, bf16):
    net = make(tmp_path, caffe.TRAIN)
    net.forward()
    bottom, top = net.blobs["p"].data.astype(np.float64), net.blobs["b"].data
    windows = np.lib.stride_tricks.sliding_window_view(rounded(bottom)[0], (3, 3), axis=(1, 2))
    expected = np.einsum("cyxhw,kchw->kyx", windows, rounded(net.params["b"][0].data))
    assert 0 < abs(top[0] - expected).max() <= 2**-8 * abs(expected).max()  # of the sum, which is rounded once
    assert top.dtype == net.params["b"][0].data.dtype == np.float32


@pytest.mark.parametrize(
    "filters, factor",
    [
        ((64, 8, 3, 3), torch.bfloat16),
        ((64, 7, 3, 3), torch.float32),  # a picture's
        ((1, 8, 1, 3), torch.bfloat16),
        ((64, 4096, 1, 1), torch.bfloat16),
        ((63, 4096, 1, 1), torch.float32),  # scores'
        ((63, 4096), torch.float32),
        ((21, 1, 16, 16), torch.float32),  # of interpolation, channel by channel
    ],
)
def test_bf16_leaves_filters_with_little_to_multiply_to_f32(bf16, filters, factor):
    assert factors(torch.empty(filters)) == factor


def test_f32_and_numbers_of_other_types_stay(monkeypatch):
    monkeypatch.setenv("PRECISION", "f32")
    for type_ in torch.float32, torch.float64:
        assert factors(torch.empty(64, 64, 3, 3, dtype=type_)) == type_


def test_gradients_keep_to_those_of_f32_as_far_as_8_bits_reach(tmp_path, monkeypatch):
    found = {}
    picture = random.normal(0, 50, (1, 3, 17, 12))
    top = random.normal(size=(1, 5, 26, 23))
    for precision in "f32", "bf16":
        monkeypatch.setenv("PRECISION", precision)
        net = make(tmp_path, caffe.TRAIN)
        net.blobs["data"].data[...] = picture
        net.forward()
        net.blobs["b"].diff[...] = top
        net.backward()
        blobs = [net.blobs["data"], *net.params["a"], *net.params["b"]]
        found[precision] = [blob.diff.copy() for blob in blobs]
    for exact, near in zip(found["f32"], found["bf16"], strict=True):
        assert 0 < abs(near - exact).max() < 0.05 * abs(exact).max()


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


def test_a_kept_border_has_the_precision_of_the_rest(tmp_path, bf16):
    net = make(tmp_path, caffe.TEST)
    for _ in range(4):
        picture = random.normal(0, 50, net.blobs["data"].data.shape)
        net.blobs["data"].data[...] = picture
        found = net.forward()["b"].copy()
    with kernels.off():
        net.blobs["data"].data[...] = picture
        expected = net.forward()["b"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=2**-7 * abs(expected).max())


@pytest.mark.parametrize(("precision", "allowed"), [("tf32", True), ("bf16", False), ("f32", False), ("", False)])
def test_tf32_is_allowed_only_where_it_is_asked_for(monkeypatch, precision, allowed):
    monkeypatch.setenv("PRECISION", precision)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = not allowed
    allow_tf32()
    assert torch.backends.cudnn.allow_tf32 is torch.backends.cuda.matmul.allow_tf32 is allowed


def test_an_unknown_precision_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("PRECISION", "fp8")
    with pytest.raises(caffe.CaffeError, match="'fp8'; expected one of f32, tf32, bf16"):
        make(tmp_path, caffe.TEST).forward()


def test_real_caffe_is_not_asked_for_another_precision():
    done = subprocess.run(
        [sys.executable, "-c", "import fcn_repro.engine"], env={"PRECISION": "bf16", "ENGINE": "bvlc"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "PRECISION=bf16 is for ENGINE=torch" in done.stderr
