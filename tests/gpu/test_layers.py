"""Every layer computes on a GPU what it computes on the CPU."""

import pytest
import torch
from torch import Tensor

from fcn_repro.caffe import mode
from fcn_repro.caffe.random import rng
from tests.fixtures.layers.catalogue import BY_HAND
from tests.fixtures.layers.layer_case import LayerCase
from tests.fixtures.layers.one_layer import CaseLayer

CLOSE = {torch.float64: 1e-9, torch.float32: 1e-4}  # relative to 1 + the value's magnitude
WITHOUT_BLOB_GRADIENTS = ("BatchNorm", "Parameter")


def compute(case: LayerCase) -> dict[str, Tensor]:
    """Compute tops and gradients of a layer on the current device."""
    built = CaseLayer(case)
    tops = built.run_forward()
    found = {f"top {i}": top for i, top in enumerate(tops)}
    if case.backward:
        random = torch.Generator().manual_seed(2)
        weights = [torch.randn(top.shape, generator=random, dtype=torch.float64).to(top) for top in tops]
        bottoms, blobs = built.run_backward(weights)
        found.update({f"d bottom {i}": d for i, d in enumerate(bottoms) if built.wanted[i]})
        if case.type not in WITHOUT_BLOB_GRADIENTS:
            found.update({f"d blob {i}": d for i, d in enumerate(blobs)})
    return found


@pytest.mark.parametrize("case", BY_HAND, ids=str)
def test_a_layer_computes_the_same_on_gpu_and_cpu(case: LayerCase, alike_masks):
    expected = compute(case)
    mode.set_mode_gpu()
    found = compute(case)
    assert found.keys() == expected.keys()
    for name, there in found.items():
        here = expected[name]
        assert there.device == mode.device(), name
        off = ((there.cpu() - here).abs() / (1 + here.abs())).max() if here.numel() else 0
        assert off <= CLOSE[here.dtype], name


def test_dropout_keeps_its_ratio_and_repeats_from_a_seed_or_state():
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
