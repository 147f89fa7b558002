"""im2col and GEMM give torch's gradients; they are chosen where filters or tops dominate the columns."""

import pytest
import torch

from fcn_repro import caffe
from fcn_repro.caffe import kernels
from fcn_repro.caffe.kernels import im2col_gemm, pieces
from fcn_repro.caffe.kernels.packed_filters import FrozenFilters
from fcn_repro.layer_params.conv_window import ConvWindow
from tests.fixtures.small_net import write

NET = """
force_backward: true
layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 4 dim: 5 } } }
layer { name: "c" type: "Convolution" bottom: "data" top: "c" convolution_param { num_output: 64 kernel_size: 3 } }
"""
POINT = ConvWindow((1, 1), (1, 1), (0, 0), (1, 1))
WINDOWS = [
    POINT,
    ConvWindow((1, 1), (2, 1), (0, 0), (1, 1)),
    ConvWindow((1, 1), (1, 1), (1, 0), (1, 1)),
    ConvWindow((3, 2), (1, 1), (0, 0), (1, 1)),
    ConvWindow((3, 3), (2, 1), (1, 2), (1, 1)),
    ConvWindow((3, 2), (1, 2), (2, 1), (2, 3)),
]


def drawn(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("window", WINDOWS)
def test_gradients_are_those_of_a_convolution(window, n):
    x, weight, bias = drawn(n, 5, 9, 11), drawn(8, 5, *window.kernel), drawn(8)
    leaves = [each.clone().requires_grad_() for each in (x, weight, bias)]
    expected = torch.nn.functional.conv2d(*leaves, window.stride, window.pad, window.dilation)
    dy = drawn(*expected.shape)
    expected.backward(dy)
    found = im2col_gemm.compute_gradients(x, dy, weight, window, [True] * 3)
    for gradient, leaf in zip(found, leaves, strict=True):
        torch.testing.assert_close(gradient, leaf.grad)


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("window", WINDOWS)
def test_a_large_gradient_is_lazy_and_its_parts_are_those_of_the_whole(monkeypatch, window, n):
    monkeypatch.setattr(pieces, "FILTERS", 1)
    monkeypatch.setattr(pieces, "FILTER_MULTIPLE", 3)
    x, weight = drawn(n, 5, 9, 11), drawn(8, 5, *window.kernel)
    dy = drawn(*torch.nn.functional.conv2d(x, weight, None, window.stride, window.pad, window.dilation).shape)
    _, expected, _ = im2col_gemm.compute_gradients(x, dy, weight, window, [False, True, False])
    monkeypatch.setattr(im2col_gemm, "LARGE", weight.numel())
    _, product, _ = im2col_gemm.compute_gradients(x, dy, weight, window, [False, True, False])
    torch.testing.assert_close(product.whole(), expected, rtol=0, atol=0)
    parts = list(product.parts())
    assert [len(part) for _, part in parts] == [3, 3, 2]
    torch.testing.assert_close(torch.cat([part for _, part in parts]), expected)
    for some, part in parts:
        torch.testing.assert_close(part, expected[some])


@pytest.mark.parametrize("kernel", [3, 1])
def test_a_lazy_gradient_is_that_of_its_pass_whatever_happens_to_the_maps(tmp_path, monkeypatch, kernel):
    monkeypatch.setattr(im2col_gemm, "LARGE", 100)
    monkeypatch.setattr(im2col_gemm, "RATIO", 1)
    net = caffe.Net(write(tmp_path, NET.replace("kernel_size: 3", f"kernel_size: {kernel}")), caffe.TRAIN)
    net.blobs["data"].data[...] = data = drawn(*net.blobs["data"].shape)
    net.params["c"][0].data[...] = drawn(*net.params["c"][0].shape)
    net.forward()
    dy = drawn(*net.blobs["c"].shape)
    net.blobs["c"].diff[...] = dy
    seen = []

    def spoil(layer: int) -> None:
        seen.append(net.params["c"][0].lazy_gradient)
        net.blobs["c"].diff[...] = net.blobs["data"].data[...] = 0

    net.after_backward(spoil)
    net.backward()
    assert isinstance(seen[0], im2col_gemm.LazyWeightGradient)
    expected = torch.nn.grad.conv2d_weight(data, net.params["c"][0].data.shape, dy)
    torch.testing.assert_close(torch.tensor(net.params["c"][0].diff), expected)


@pytest.mark.parametrize("wanted", [(True, False, False), (False, True, False), (False, False, True)])
def test_only_what_is_wanted_is_computed(wanted):
    found = im2col_gemm.compute_gradients(drawn(1, 5, 4, 4), drawn(1, 8, 4, 4), drawn(8, 5, 1, 1), POINT, wanted)
    assert tuple(each is not None for each in found) == wanted


@pytest.mark.parametrize(
    "map_, filters, group, pays",
    [
        ((1, 40, 4, 4), (64, 40, 1, 1), 1, True),
        ((1, 40, 4, 5), (64, 40, 1, 1), 1, False),  # 20 places, and 64 filters are fewer than four times 20
        ((2, 40, 4, 4), (64, 40, 1, 1), 1, False),  # nor for the places of two maps
        ((1, 40, 4, 4), (64, 40, 1, 1), 5, False),
        ((1, 40, 4, 4), (64, 39, 1, 1), 1, False),  # too few numbers to matter
        ((1, 32, 8, 8), (64, 32, 1, 1), 1, True),
        ((1, 33, 8, 8), (64, 33, 1, 1), 1, False),  # a top of 64 channels is not twice as large as 33 rows of columns
        ((1, 5, 7, 7), (64, 5, 3, 2), 1, True),
        ((1, 6, 7, 7), (64, 6, 3, 2), 1, False),
        ((1, 32, 7, 5), (64, 32, 1, 1), 1, False),  # too few numbers to matter
        ((2, 32, 7, 5), (64, 32, 1, 1), 1, True),
        ((1, 32, 8, 8), (64, 32, 1, 1), 2, False),
    ],
)
def test_it_is_chosen_where_large_filters_or_tops_outweigh_the_columns(monkeypatch, map_, filters, group, pays):
    monkeypatch.setattr(im2col_gemm, "LARGE", 2560)
    dy = drawn(map_[0], filters[0], *map_[2:])
    assert im2col_gemm.is_faster_backward(drawn(*map_), dy, drawn(*filters), group) is pays
    with kernels.disabled():
        assert not im2col_gemm.is_faster_backward(drawn(*map_), dy, drawn(*filters), group)


def test_in_vgg_conv1_1_and_fc6_and_fc7_are_such_layers():
    layers = [(1, 3, 500, 698, 64, 3), (1, 64, 698, 698, 64, 3), (1, 512, 22, 16, 4096, 7), (1, 4096, 16, 16, 4096, 1),
              (1, 4096, 16, 16, 21, 1)]  # fmt: skip
    found = []
    with torch.device("meta"):
        for n, c, size, out, k, side in layers:
            x, dy, weight = torch.empty(n, c, size, size), torch.empty(n, k, out, out), torch.empty(k, c, side, side)
            found.append(im2col_gemm.is_faster_backward(x, dy, weight, 1))
    assert found == [True, False, True, True, False]


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("bias", [None, drawn(8)])
def test_tops_are_those_of_a_convolution(n, bias):
    x, weight = drawn(n, 5, 9, 11), drawn(8, 5, 1, 1)
    for bottom in x, x.contiguous(memory_format=torch.channels_last):
        expected = torch.nn.functional.conv2d(x, weight, bias)
        torch.testing.assert_close(im2col_gemm.compute_top(bottom, weight, bias), expected)


@pytest.mark.parametrize(
    "filters, window, group, has_avx512, pays",
    [
        ((64, 40, 1, 1), POINT, 1, False, True),
        ((64, 40, 1, 1), POINT, 1, True, False),
        ((64, 39, 1, 1), POINT, 1, False, False),
        ((64, 40, 1, 1), POINT, 2, False, False),
        ((64, 40, 1, 1), WINDOWS[1], 1, False, False),
        ((64, 40, 3, 2), WINDOWS[3], 1, False, False),
    ],
)
def test_tops_are_products_of_large_1x1_filters_without_avx512(monkeypatch, filters, window, group, has_avx512, pays):
    monkeypatch.setattr(im2col_gemm, "LARGE", 2560)
    monkeypatch.setattr(im2col_gemm, "_has_no_avx512", lambda: not has_avx512)
    weight, x = drawn(*filters), drawn(1, filters[1] * group, 7, 6)
    assert im2col_gemm.is_faster_forward(weight, window, group) is pays
    assert not im2col_gemm.is_faster_forward(weight.to("meta"), window, group)
    assert not im2col_gemm.is_faster_forward(weight.bfloat16(), window, group)
    found = FrozenFilters(weight, drawn(64), window, group, x.shape[2:], True)(x, None, 10.0)
    exact = torch.nn.functional.conv2d(x, weight, drawn(64), window.stride, window.pad, groups=group).clamp(min=0)
    torch.testing.assert_close(found, exact)
