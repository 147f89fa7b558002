"""Winograd's filtering gives what torch's convolution gives, whole or in bands; it is chosen for large maps alone."""

import numpy as np
import pytest
import torch

from fcn_repro import caffe
from fcn_repro.caffe import kernels
from fcn_repro.caffe.kernels import winograd
from fcn_repro.caffe.kernels.packed_filters import FrozenFilters
from fcn_repro.layer_params.conv_window import ConvWindow
from tests.fixtures.small_net import write

needs_nnpack = pytest.mark.skipif(not winograd._is_available(), reason="this torch or processor has no NNPACK")

SLIDE = ConvWindow((3, 3), (1, 1), (1, 1), (1, 1))
SUITED = torch.empty(128, 128, 3, 3)
NET = """
force_backward: true
layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 2 dim: 128 dim: 50 dim: 61 } } }
layer { name: "x" type: "Convolution" bottom: "data" top: "x" loss_weight: 1
        convolution_param { num_output: 130 kernel_size: 3 pad_h: 2 pad_w: 1 bias_term: %s
                            weight_filler { type: "msra" } bias_filler { type: "uniform" } } }
"""


def drawn(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def agree(found, exact):
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=2e-5 * float(exact.abs().max()))


@needs_nnpack
@pytest.mark.parametrize("workspace", [1, 1 << 20, winograd.WORKSPACE])
@pytest.mark.parametrize("n, size, pad", [(1, (13, 20), (1, 1)), (2, (31, 9), (0, 2)), (1, (6, 5), (2, 0))])
def test_tops_and_gradients_are_those_of_a_convolution(monkeypatch, workspace, n, size, pad):
    monkeypatch.setattr(winograd, "WORKSPACE", workspace)
    x, weight, bias = drawn(n, 16, *size), drawn(8, 16, 3, 3), drawn(8)
    leaf = x.double().requires_grad_()
    filters = weight.double().requires_grad_()
    exact = torch.nn.functional.conv2d(leaf, filters, bias.double(), padding=pad)
    dy = drawn(*exact.shape)
    exact.backward(dy.double())
    agree(winograd.convolve(x, weight, bias, pad), exact.detach())
    agree(winograd.compute_bottom_gradient(dy, weight, pad), leaf.grad)
    agree(winograd.compute_filter_gradient(x, dy, pad), filters.grad)


@pytest.mark.parametrize("first, end", [(-3, 0), (-3, -1), (-1, 2), (1, 3), (2, 6), (4, 6), (7, 9), (-2, 7)])
def test_rows_beyond_a_map_are_zero(first, end):
    x = drawn(1, 2, 4, 3)
    rows = [x[:, :, row] if 0 <= row < 4 else torch.zeros(1, 2, 3) for row in range(first, end)]
    assert torch.equal(winograd._take_rows(x, first, end), torch.stack(rows, 2))


@needs_nnpack
@pytest.mark.parametrize("has_bias", ["true", "false"])
def test_a_layer_that_uses_it_has_the_numbers_of_the_plain_one(tmp_path, monkeypatch, has_bias):
    used = []
    for name in "_convolve_images", "compute_filter_gradient":
        original = getattr(winograd, name)
        monkeypatch.setattr(winograd, name, lambda *given, do=original: (used.append(1), do(*given))[1])

    def passed():
        caffe.set_random_seed(3)
        net = caffe.Net(write(tmp_path, NET % has_bias), caffe.TRAIN)
        net.blobs["data"].data[...] = drawn(*net.blobs["data"].shape)
        net.forward()
        net.blobs["x"].diff[...] = drawn(*net.blobs["x"].shape)
        net.backward()
        return [net.blobs["x"].data, net.blobs["data"].diff, *(blob.diff for blob in net.params["x"])]

    found = passed()
    assert len(used) == 3  # forward, for the bottom's gradient, and for the filters'
    with kernels.disabled():
        expected = passed()
    assert len(used) == 3
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=3e-5 * np.abs(other).max())


@needs_nnpack
@pytest.mark.parametrize(
    "weight, window, group, suits",
    [
        (SUITED, SLIDE, 1, True),
        (SUITED[:43], SLIDE, 1, True),  # 43 * 128 products for 43 + 128 sums: 32.2
        (SUITED[:42], SLIDE, 1, False),
        (SUITED[:, :42], SLIDE, 1, False),
        (SUITED[:64, :64], SLIDE, 1, True),
        (SUITED[:64, :63], SLIDE, 1, False),
        (SUITED.double(), SLIDE, 1, False),
        (SUITED.to("meta"), SLIDE, 1, False),
        (SUITED, SLIDE, 2, False),
        (SUITED, ConvWindow((3, 3), (1, 2), (1, 1), (1, 1)), 1, False),
        (SUITED, ConvWindow((3, 3), (1, 1), (1, 1), (2, 1)), 1, False),
        (SUITED, ConvWindow((3, 3), (1, 1), (100, 100), (1, 1)), 1, False),
        (SUITED, ConvWindow((5, 3), (1, 1), (1, 1), (1, 1)), 1, False),
    ],
)
def test_it_suits_filters_of_3x3_between_many_channels(weight, window, group, suits):
    assert winograd.is_applicable(weight, window, group) is suits


@needs_nnpack
def test_with_bf16_it_pays_for_blobs_of_many_channels_unless_there_is_amx(monkeypatch):
    monkeypatch.setenv("PRECISION", "bf16")
    many = torch.empty(256, 128, 3, 3)
    monkeypatch.setattr(winograd, "has_amx", lambda: False)
    assert winograd.is_faster((66, 72), (1, 1), many, SLIDE, 1)  # 11 x 12 tiles
    assert not winograd.is_faster((66, 66), (1, 1), many, SLIDE, 1)
    assert not winograd.is_faster((500, 500), (1, 1), many[:250], SLIDE, 1)
    assert not winograd.is_faster((500, 500), (1, 1), many, SLIDE, 1, winograd.GRADIENT_FASTER_FROM)
    assert FrozenFilters(many, None, SLIDE, 1, (66, 72), True)._weight.dtype == torch.bfloat16
    monkeypatch.setattr(winograd, "has_amx", lambda: True)
    assert not winograd.is_applicable(many, SLIDE, 1)


@needs_nnpack
def test_it_pays_from_so_many_tiles_on_unless_optimisations_are_off():
    def pays(size, pad, weight=SUITED, window=SLIDE, paying=winograd.FASTER_FROM):
        return winograd.is_faster(size, pad, weight, window, 1, paying)

    assert pays((36, 31), (1, 1)) and pays((38, 33), (0, 0))
    assert not pays((36, 30), (1, 1))  # 6 x 5 tiles
    assert not pays((36, 31), (1, 1), SUITED[:127])
    assert pays((96, 192), (1, 1), SUITED[:, :64])  # 16 x 32 tiles
    assert pays((48, 43), (1, 1), paying=winograd.GRADIENT_FASTER_FROM)
    assert not pays((48, 42), (1, 1), paying=winograd.GRADIENT_FASTER_FROM)  # 8 x 7 tiles
    assert not pays((96, 192), (1, 1), SUITED[:, :64], paying=winograd.GRADIENT_FASTER_FROM)
    assert not pays((500, 500), (1, 1), window=ConvWindow((3, 3), (1, 1), (1, 1), (2, 2)))
    with kernels.disabled():
        assert not pays((500, 500), (1, 1))


def test_where_nnpack_is_missing_filters_keep_to_the_order_of_onednn(monkeypatch):
    monkeypatch.setattr(winograd, "_is_available", lambda: False)
    weight, x = drawn(64, 64, 3, 3), drawn(1, 64, 200, 150)
    filters = FrozenFilters(weight, None, SLIDE, 1, (202, 152), False)
    assert filters._is_packed is torch.backends.mkldnn.is_available()
    agree(filters(x, None, 10.0), torch.nn.functional.conv2d(x.double(), weight.double(), padding=1))
