"""Pairwise maxima and winners are torch's; other windows and layouts take the plain path."""

import pytest
import torch
import torch.nn.functional as F

from fcn_repro import caffe
from fcn_repro.caffe import kernels
from fcn_repro.caffe.kernels import pairwise_pooling
from tests.fixtures.small_net import write

NET = """
force_backward: true
layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 7 dim: 10 } } }
layer { name: "x" type: "Pooling" bottom: "data" top: "x" pooling_param { kernel_size: 2 stride: 2 %s } }
"""


@pytest.mark.parametrize("size", [(6, 8), (7, 8), (6, 9), (7, 9), (1, 1), (2, 1), (1, 4)])
@pytest.mark.parametrize("levels", [2, 1000])  # few: many cells of a window are alike
def test_maxima_and_winners_are_those_of_torch(size, levels):
    x = torch.randint(-levels, levels, (2, 3, *size), generator=torch.Generator().manual_seed(levels)).float()
    expected, winners = F.max_pool2d(x, 2, 2, ceil_mode=True, return_indices=True)
    found = pairwise_pooling.compute_maxima_and_winners(x)
    assert torch.equal(found[0], expected) and torch.equal(found[1], winners)
    assert torch.equal(pairwise_pooling.compute_maxima(x), expected)


def test_nan_wins_as_with_torch_and_infinities_are_ordinary():
    values = torch.tensor([0.0, -0.0, 1.0, -1.0, 1e-45, torch.inf, -torch.inf, torch.nan])
    x = torch.cartesian_prod(*[values] * 4).view(1, -1, 2, 2)
    expected, winners = F.max_pool2d(x, 2, 2, ceil_mode=True, return_indices=True)
    found = pairwise_pooling.compute_maxima_and_winners(x)
    torch.testing.assert_close(found[0], expected, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(found[1], winners)
    torch.testing.assert_close(pairwise_pooling.compute_maxima(x), expected, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("size", [(6, 8), (7, 9), (3, 4)])
def test_channels_last_they_are_the_same_and_faster_for_bfloat16(size):
    x = torch.randn(2, 16, *size, generator=torch.Generator().manual_seed(1))
    x = x.contiguous(memory_format=torch.channels_last)
    assert not pairwise_pooling.is_faster(x, *pairwise_pooling.WINDOW)
    assert pairwise_pooling.is_faster(x.bfloat16(), *pairwise_pooling.WINDOW)
    found = pairwise_pooling.compute_maxima(x.bfloat16())
    assert torch.equal(found, F.max_pool2d(x.bfloat16(), 2, 2, ceil_mode=True))
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("rounding", ["", "round_mode: FLOOR"])
@pytest.mark.parametrize("phase", [caffe.TRAIN, caffe.TEST])
def test_a_layer_that_uses_them_has_the_numbers_of_the_plain_one(tmp_path, monkeypatch, phase, rounding):
    used = []
    for name in "compute_maxima_and_winners", "compute_maxima":
        original = getattr(pairwise_pooling, name)
        monkeypatch.setattr(pairwise_pooling, name, lambda x, do=original, name=name: (used.append(name), do(x))[1])

    def passed():
        net = caffe.Net(write(tmp_path, NET % rounding), phase)
        given = torch.Generator().manual_seed(5)
        net.blobs["data"].data[...] = torch.randint(0, 3, (2, 3, 7, 10), generator=given)
        net.forward()
        net.blobs["x"].diff[...] = torch.randn(net.blobs["x"].shape, generator=given)
        net.backward()
        return torch.tensor(net.blobs["x"].data), torch.tensor(net.blobs["data"].diff)

    found = passed()
    assert used == ["compute_maxima_and_winners" if phase == caffe.TRAIN else "compute_maxima"]
    used.clear()
    with kernels.disabled():
        expected = passed()
    assert not used
    assert all(torch.equal(*both) for both in zip(found, expected, strict=True))


def test_they_are_for_windows_side_by_side_and_channels_first():
    x = torch.zeros(1, 2, 4, 4)
    assert pairwise_pooling.is_faster(x, *pairwise_pooling.WINDOW)
    assert not pairwise_pooling.is_faster(x, (3, 3), (2, 2), (0, 0))
    assert not pairwise_pooling.is_faster(x, (2, 2), (1, 1), (0, 0))
    assert not pairwise_pooling.is_faster(x, (2, 2), (2, 2), (1, 0))
    assert not pairwise_pooling.is_faster(x.to("meta"), *pairwise_pooling.WINDOW)
    assert not pairwise_pooling.is_faster(x.contiguous(memory_format=torch.channels_last), *pairwise_pooling.WINDOW)
    with kernels.disabled():
        assert not pairwise_pooling.is_faster(x, *pairwise_pooling.WINDOW)
