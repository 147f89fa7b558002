"""Gradients by matrices are those of torch's convolution; it is done for filters that outweigh their maps."""

import pytest
import torch

from fcn_repro.caffe import fast
from fcn_repro.caffe.fast import columns
from fcn_repro.caffe.layers.geometry import Window

POINT = Window((1, 1), (1, 1), (0, 0), (1, 1))
PLACES = [(512, 22, 22), (4096, 16, 16), (4096, 16, 16), (21, 16, 16)]  # FCN-32s of an image of 500 x 500
WINDOWS = [
    POINT,
    Window((1, 1), (2, 1), (0, 0), (1, 1)),
    Window((1, 1), (1, 1), (1, 0), (1, 1)),
    Window((3, 2), (1, 1), (0, 0), (1, 1)),
    Window((3, 3), (2, 1), (1, 2), (1, 1)),
    Window((3, 2), (1, 2), (2, 1), (2, 3)),
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
    found = columns.gradients(x, dy, weight, window, [True] * 3)
    for gradient, leaf in zip(found, leaves, strict=True):
        torch.testing.assert_close(gradient, leaf.grad)


@pytest.mark.parametrize("wanted", [(True, False, False), (False, True, False), (False, False, True)])
def test_only_what_is_wanted_is_computed(wanted):
    found = columns.gradients(drawn(1, 5, 4, 4), drawn(1, 8, 4, 4), drawn(8, 5, 1, 1), POINT, wanted)
    assert tuple(each is not None for each in found) == wanted


@pytest.mark.parametrize(
    "map_, filters, group, pays",
    [
        ((1, 5, 4, 4), (64, 5, 1, 1), 1, True),
        ((1, 5, 4, 5), (64, 5, 1, 1), 1, False),  # 20 places, and 64 filters are not four times as many
        ((2, 5, 4, 4), (64, 5, 1, 1), 1, False),  # nor for the places of two maps
        ((1, 5, 4, 4), (64, 5, 1, 1), 5, False),
        ((1, 5, 4, 4), (64, 4, 1, 1), 1, False),  # too few numbers to matter
    ],
)
def test_it_is_chosen_where_large_filters_outweigh_the_places(monkeypatch, map_, filters, group, pays):
    monkeypatch.setattr(columns, "LARGE", 320)
    dy = drawn(map_[0], filters[0], *map_[2:])
    assert columns.pay(drawn(*map_), dy, drawn(*filters), group) is pays
    with fast.off():
        assert not columns.pay(drawn(*map_), dy, drawn(*filters), group)


def test_fc6_and_fc7_of_vgg_are_such_layers_and_its_scores_are_not():
    with torch.device("meta"):
        pool5, fc6, fc7, score = (torch.empty(1, n, *size) for n, *size in PLACES)
        filters = torch.empty(4096, 512, 7, 7), torch.empty(4096, 4096, 1, 1), torch.empty(21, 4096, 1, 1)
    maps = zip((pool5, fc6, fc7), (fc6, fc7, score), filters, strict=True)
    assert [columns.pay(*each, 1) for each in maps] == [True, True, False]
