"""Updates made piece by piece are those made at once, to the bit."""

import numpy as np
import pytest
import torch

from fcn_repro import caffe
from fcn_repro.caffe import fast
from fcn_repro.caffe.fast import pieces
from fcn_repro.caffe.sgd_solvers import SOLVER_TYPES
from tests.caffe.small_net import TRAINABLE, write


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
    with fast.off():
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
    for count, (first, second) in enumerate(pieces.in_pieces(whole), start=1):
        first += 1
        second += count
        assert len(first) == len(second) <= 10
    assert bool((whole[0] == 1).all()) and count == 7


def test_tensors_that_do_not_lie_alike_are_left_whole(monkeypatch):
    monkeypatch.setattr(pieces, "PIECE", 10)
    whole = [torch.zeros(7, 9), torch.zeros(9, 7).t()]
    assert [list(map(len, tensors)) for tensors in pieces.in_pieces(whole)] == [[7, 7]]
