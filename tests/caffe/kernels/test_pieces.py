"""Updates made piece by piece are those made at once, to the bit."""

import numpy as np
import pytest
import torch

from fcn_repro import caffe
from fcn_repro.caffe import kernels
from fcn_repro.caffe.kernels import pieces
from fcn_repro.caffe.solver.update_rules import SOLVER_TYPES
from tests.fixtures.small_net import TRAINABLE, write


def trained(folder, options: str) -> caffe.SGDSolver:
    text = f'net: "{write(folder, TRAINABLE)}" base_lr: 0.01 lr_policy: "fixed" random_seed: 3 {options}'
    solver = caffe.get_solver(write(folder, text, "solver.prototxt"))
    solver.step(3)
    return solver


@pytest.mark.parametrize("more", ["", "iter_size: 2 weight_decay: 0.1", 'weight_decay: 0.1 regularization_type: "L1"'])
@pytest.mark.parametrize("type_", SOLVER_TYPES)
def test_every_solver_updates_the_same(tmp_path, monkeypatch, type_, more):
    monkeypatch.setattr(pieces, "PIECE", 100)
    momentum = "" if type_ in ("AdaGrad", "RMSProp") else "momentum: 0.9"
    found = trained(tmp_path, f'type: "{type_}" {momentum} {more}')
    with kernels.disabled():
        expected = trained(tmp_path, f'type: "{type_}" {momentum} {more}')
    for layer, blobs in expected.net.params.items():
        for blob, other in zip(blobs, found.net.params[layer], strict=True):
            np.testing.assert_array_equal(other.data, blob.data)
            np.testing.assert_array_equal(other.diff, blob.diff)
    for blob, other in zip(expected.history, found.history, strict=True):
        np.testing.assert_array_equal(other.data, blob.data)


def test_pieces_cover_every_element_once(monkeypatch):
    monkeypatch.setattr(pieces, "PIECE", 10)
    whole = [torch.zeros(7, 9), torch.zeros(7, 9)]
    for count, (first, second) in enumerate(pieces.split_elements(whole), start=1):
        first += 1
        second += count
        assert len(first) == len(second) <= 10
    assert bool((whole[0] == 1).all()) and count == 7


def test_tensors_of_unlike_layouts_are_left_whole(monkeypatch):
    monkeypatch.setattr(pieces, "PIECE", 10)
    whole = [torch.zeros(7, 9), torch.zeros(9, 7).t()]
    assert [list(map(len, tensors)) for tensors in pieces.split_elements(whole)] == [[7, 7]]


CONVOLUTION = """
layer {{ name: "in" type: "Input" top: "data" input_param {{ shape {{ dim: 2 dim: 6 dim: 9 dim: 8 }} }} }}
layer {{ name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param {{ num_output: 150
  kernel_size: 3 group: {group} bias_term: {bias} weight_filler {{ type: "gaussian" std: 1 }}
  bias_filler {{ type: "gaussian" std: 1 }} }} }}
"""


@pytest.mark.parametrize(("group", "bias", "calls"), [(1, "true", 3), (1, "false", 3), (2, "true", 1)])
@pytest.mark.parametrize("phase", [caffe.TRAIN, caffe.TEST])
def test_many_filters_are_multiplied_in_pieces_with_the_same_top(tmp_path, monkeypatch, group, bias, calls, phase):
    monkeypatch.setattr(pieces, "FILTERS", 64 * 6 * 9)
    convolution, seen = torch.convolution, []

    def counted(x, weight, *others):
        seen.append(len(weight))
        return convolution(x, weight, *others)

    monkeypatch.setattr(torch, "convolution", counted)
    net = caffe.Net(write(tmp_path, CONVOLUTION.format(group=group, bias=bias)), phase)
    net.blobs["data"].data[...] = np.random.default_rng(1).standard_normal((2, 6, 9, 8))
    found = net.forward()["conv"].copy()
    assert len(seen) == calls and sum(seen) == 150 and max(seen) <= (64 if calls == 3 else 150)
    with kernels.disabled():
        expected = net.forward()["conv"]
    assert seen[calls:] == [150]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * abs(expected).max())


def test_a_single_filter_of_more_than_that_is_left_whole(monkeypatch):
    monkeypatch.setattr(pieces, "FILTERS", 10)
    monkeypatch.setattr(pieces, "FILTER_MULTIPLE", 2)
    cut = list(pieces.split_filters(torch.arange(60.0).view(5, 12), torch.arange(5.0)))
    assert [(len(weight), bias.tolist()) for weight, bias in cut] == [(2, [0, 1]), (2, [2, 3]), (1, [4])]
