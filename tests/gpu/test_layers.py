"""Every layer computes on a GPU what it computes on the CPU."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fcn_repro.caffe import mode
from fcn_repro.caffe.random import rng
from tests.fixtures.layers.contract import Built, Promise
from tests.fixtures.layers.promises import PROMISES

CLOSE = {torch.float64: 1e-9, torch.float32: 1e-4}  # of 1 + the value's magnitude


def computed(promise: Promise) -> dict[str, Tensor]:
    """Tops and gradients of a layer, where the mode says."""
    built = Built(promise)
    tops = built.forward()
    found = {f"top {i}": top for i, top in enumerate(tops)}
    if promise.has_backward:
        random = torch.Generator().manual_seed(2)
        weights = [torch.randn(top.shape, generator=random, dtype=torch.float64).to(top.dtype) for top in tops]
        bottoms, blobs = built.backward(weights)
        learned = range(len(blobs)) if promise.learned is None else promise.learned
        found.update({f"d bottom {i}": d for i, d in enumerate(bottoms) if promise.bottoms[i].learns})
        found.update({f"d blob {i}": blobs[i] for i in learned})
    return found


@pytest.mark.parametrize("promise", PROMISES, ids=str)
def test_a_layer_computes_there_what_it_does_on_the_cpu(promise: Promise, alike_masks):
    expected = computed(promise)
    mode.set_mode_gpu()
    found = computed(promise)
    assert found.keys() == expected.keys()
    for name, there in found.items():
        here = expected[name]
        assert there.device == mode.device(), name
        off = ((there.cpu() - here).abs() / (1 + here.abs())).max() if here.numel() else 0
        assert off <= CLOSE[promise.dtype], name


def test_dropout_there_keeps_the_share_that_it_is_told_and_draws_the_same_again_from_the_same_seed():
    mode.set_mode_gpu()
    rng.set_random_seed(7)
    first = rng.bernoulli((1000, 1000), 0.3, mode.device())
    state = rng.random_state()
    second = rng.bernoulli((1000, 1000), 0.3, mode.device())
    assert abs(float(first.double().mean()) - 0.3) < 0.003
    assert not torch.equal(first, second)
    rng.set_random_seed(7)
    assert torch.equal(rng.bernoulli((1000, 1000), 0.3, mode.device()), first)
    rng.set_random_state(state)
    assert torch.equal(rng.bernoulli((1000, 1000), 0.3, mode.device()), second)
