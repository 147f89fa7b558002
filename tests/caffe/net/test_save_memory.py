"""Saving memory changes no training result, to the bit, and frees gradients after a step."""

import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe.kernels import im2col_gemm, pieces
from tests.fixtures.fcn_nets import noisy_net
from tests.fixtures.small_net import write

SOLVER = 'net: "{}" base_lr: 1e-3 momentum: 0.9 random_seed: 7'
MULTISTEP = 'lr_policy: "multistep" gamma: 0.1 stepvalue: 1 stepvalue: 1 stepvalue: 1'  # one more in each iteration
FLAT = """
layer { name: "data" type: "DummyData" top: "data" top: "label"
        dummy_data_param { shape { dim: 2 dim: 3 dim: 4 dim: 5 } shape { dim: 2 }
                           data_filler { type: "gaussian" } data_filler { type: "constant" value: 1 } } }
layer { name: "c" type: "Convolution" bottom: "data" top: "c"
        convolution_param { num_output: 2 kernel_size: 1 weight_filler { type: "xavier" } } }
layer { name: "flat" type: "Flatten" bottom: "c" top: "flat" }
layer { name: "again" type: "Reshape" bottom: "flat" top: "again" reshape_param { shape { dim: 2 dim: 2 dim: -1 } } }
layer { name: "fc" type: "InnerProduct" bottom: "again" top: "fc"
        inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
"""
TWICE = FLAT.replace(
    'layer { name: "flat"',
    """layer { name: "c2" type: "Convolution" bottom: "c" top: "c2" param { name: "w" }
        convolution_param { num_output: 2 kernel_size: 1 bias_term: false weight_filler { type: "xavier" } } }
layer { name: "c3" type: "Convolution" bottom: "c2" top: "c3" param { name: "w" }
        convolution_param { num_output: 2 kernel_size: 1 bias_term: false weight_filler { type: "xavier" } } }
layer { name: "flat\"""",
).replace('bottom: "c" top: "flat"', 'bottom: "c3" top: "flat"')
LARGE = FLAT.replace("num_output: 2 kernel_size: 1", "num_output: 64 kernel_size: 3")
FCN8S = noisy_net("vgg16-8s", 40, 53, normalize=True)


def train(folder, text, saves, options="iter_size: 2"):
    options += "" if "lr_policy" in options else ' lr_policy: "fixed"'
    solver = caffe.get_solver(write(folder, f"{SOLVER.format(write(folder, text))} {options}", "solver.prototxt"))
    random = np.random.default_rng(1)
    for blobs in solver.net.params.values():
        blobs[0].data[...] = random.normal(0, np.sqrt(2 / (blobs[0].count / blobs[0].shape[0])), blobs[0].data.shape)
    if saves:
        solver.save_memory()
    solver.step(2)
    return solver


def pairs(kept, saved):
    """Return the parameters and histories of two solvers, in pairs."""
    return list(
        zip(*([*s.history, *(b for blobs in s.net.params.values() for b in blobs)] for s in (kept, saved)), strict=True)
    )


@pytest.mark.parametrize(
    "options", ["", "iter_size: 2", "clip_gradients: 0.01", 'type: "Adam" momentum2: 0.99', MULTISTEP]
)
@pytest.mark.parametrize("text", [FCN8S, FLAT, TWICE], ids=["fcn8s", "flat", "shared"])
def test_training_is_the_same(tmp_path, text, options):
    kept, saved = (train(tmp_path, text, saves, options) for saves in (False, True))
    for expected, found in pairs(kept, saved):
        np.testing.assert_array_equal(found.data, expected.data)


@pytest.mark.parametrize(
    "options, in_parts",
    [("", True), ('type: "Adam" momentum2: 0.99', True), ("iter_size: 2", False), ("clip_gradients: 0.01", False)],
)
def test_large_filters_are_updated_in_parts_with_the_same_result(tmp_path, monkeypatch, options, in_parts):
    monkeypatch.setattr(im2col_gemm, "LARGE", 1000)
    monkeypatch.setattr(pieces, "FILTERS", 1)
    monkeypatch.setattr(pieces, "FILTER_MULTIPLE", 16)
    asked = []
    parts = im2col_gemm.LazyWeightGradient.parts
    monkeypatch.setattr(im2col_gemm.LazyWeightGradient, "parts", lambda self: (asked.append(self), parts(self))[1])
    kept = train(tmp_path, LARGE, False, options)
    assert not asked
    saved = train(tmp_path, LARGE, True, options)
    assert bool(asked) is in_parts
    for expected, found in pairs(kept, saved):
        np.testing.assert_allclose(found.data, expected.data, rtol=1e-5, atol=1e-6 * abs(expected.data).max())


def with_gradients(solver):
    """Return the names of blobs, and of layers with parameters, that have a gradient."""
    blobs = {name for name, blob in solver.net.blobs.items() if blob.diff.any()}
    return blobs, {name for name, blobs in solver.net.params.items() if blobs[0].diff.any()}


def test_gradients_are_freed_unless_needed_together_and_the_loss_keeps_its_weight(tmp_path):
    blobs, params = with_gradients(train(tmp_path, FCN8S, False))
    assert {"conv1_1", "pool4", "fc7", "score_fr", "loss"} <= blobs and {"conv1_1", "fc7", "score_fr"} <= params
    solver, met = train(tmp_path, FCN8S, True), []
    assert with_gradients(solver) == ({"loss"}, set())
    solver.add_callback(lambda: None, lambda: met.append(with_gradients(solver)[1]))
    solver.step(1)
    assert {"conv1_1", "fc7", "score_fr"} <= met[0]
    for options in "clip_gradients: 0.01", "snapshot_diff: true":
        assert "conv1_1" in with_gradients(train(tmp_path, FCN8S, True, options))[1]


@pytest.mark.parametrize("saves, first", [(False, "data label c flat again fc loss"), (True, "data label")])
def test_a_pass_starts_by_freeing_the_last_results(tmp_path, saves, first):
    solver, met = train(tmp_path, FLAT, saves), []
    blobs = solver.net.blobs.items()
    solver.net.before_forward(lambda layer: met.append({name for name, blob in blobs if blob.data.any()}))
    solver.step(1)
    assert met[0] == set(first.split())


def test_after_an_error_in_an_update_a_manual_backward_pass_updates_nothing(tmp_path):
    solver = train(tmp_path, FCN8S, True, options="")
    fails = [True]

    def fail(layer: int) -> None:
        if layer == 0 and fails.pop():
            raise RuntimeError("out of memory")

    solver.net.after_backward(fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        solver.step(1)
    fails.append(False)
    before = {name: blobs[0].data.copy() for name, blobs in solver.net.params.items()}
    solver.net.backward()
    for name, blobs in solver.net.params.items():
        np.testing.assert_array_equal(blobs[0].data, before[name])
