"""Nets compute on a GPU what they compute on the CPU: label, learn, stop and go on."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
import torch

from fcn_repro import caffe
from fcn_repro.analysis.cost.measurement import fill
from fcn_repro.caffe import kernels, mode
from fcn_repro.datasets import DATASETS
from nets import build
from solvers.experiments import EXPERIMENTS
from tests.fixtures.small_net import write
from tests.fixtures.fcn_nets import noisy_net

SOLVER = (
    'net: "{}" base_lr: 1e-3 lr_policy: "fixed" weight_decay: 5e-4 random_seed: 3 snapshot_prefix: "{}" type: "{}" {}'
)
SOLVERS = [
    ("vgg16-8s", "SGD", "momentum: 0.9 clip_gradients: 1"),
    ("vgg16-16s", "Nesterov", "momentum: 0.9 iter_size: 2"),
    ("alexnet-32s", "SGD", "momentum: 0.99"),
    ("googlenet-32s", "SGD", "momentum: 0.9"),
]


def solver_of(folder: Path, name: str, type_: str, more: str) -> caffe.SGDSolver:
    """A solver whose net has weights that let every layer learn."""
    net = write(folder, noisy_net(name, 64, 75, normalize=True))
    solver = caffe.get_solver(write(folder, SOLVER.format(net, folder / "s", type_, more), "solver.prototxt"))
    fill(solver.net)
    return solver


def parameters(solver: caffe.SGDSolver) -> dict[str, np.ndarray]:
    blobs = {f"{name} {i}": blob for name, each in solver.net.params.items() for i, blob in enumerate(each)}
    blobs.update({f"history {i}": blob for i, blob in enumerate(solver.history)})
    return {name: blob.data.copy() for name, blob in blobs.items()}


def apart(found: np.ndarray, expected: np.ndarray) -> float:
    """How far two arrays are from each other, in parts of the second's length."""
    length = float(np.linalg.norm(expected.astype(np.float64)))
    return float(np.linalg.norm(found.astype(np.float64) - expected)) / (length or 1)


@pytest.mark.parametrize(("name", "type_", "more"), SOLVERS)
def test_a_net_learns_there_what_it_does_on_the_cpu(tmp_path, alike_masks, name, type_, more):
    here = solver_of(tmp_path, name, type_, more)
    here.step(3)
    mode.set_mode_gpu()
    there = solver_of(tmp_path, name, type_, more)
    there.step(3)
    assert {blob.tensor.device for blob in (*there.net.blobs.values(), *there.history)} == {mode.device()}
    expected = parameters(here)
    assert any(np.abs(values).max() > 0 for key, values in expected.items() if key.startswith("history"))
    for key, values in parameters(there).items():
        assert apart(values, expected[key]) < 1e-3, key


def test_two_runs_there_from_one_seed_are_the_same_bit_for_bit(tmp_path):
    mode.set_mode_gpu()
    first, second = (solver_of(tmp_path, *SOLVERS[0]) for _ in range(2))
    caffe.set_random_seed(3)
    first.step(3)
    caffe.set_random_seed(3)
    second.step(3)
    expected = parameters(first)
    for key, values in parameters(second).items():
        np.testing.assert_array_equal(values, expected[key], err_msg=key)


def test_a_snapshot_of_a_gpu_goes_on_there_and_on_the_cpu(tmp_path, alike_masks):
    mode.set_mode_gpu()
    solver = solver_of(tmp_path, *SOLVERS[0])
    solver.step(2)
    solver.snapshot()
    caffe.set_random_seed(5)
    solver.step(2)
    expected = parameters(solver)
    for on_gpu in (True, False):
        if not on_gpu:
            mode.set_mode_cpu()
        other = solver_of(tmp_path, *SOLVERS[0])
        other.restore(str(tmp_path / "s_iter_2.solverstate"))
        caffe.set_random_seed(5)
        other.step(2)
        assert other.iter == 4
        for key, values in parameters(other).items():
            assert apart(values, expected[key]) < (1e-5 if on_gpu else 1e-3), (key, on_gpu)


@pytest.fixture(scope="module")
def fcn8s(tmp_path_factory) -> caffe.Net:
    """The net of voc-fcn8s, with random weights."""
    row = EXPERIMENTS["voc-fcn8s"]
    deploy = build(row.net, "deploy", DATASETS[row.data])
    net = caffe.Net(write(tmp_path_factory.mktemp("fcn8s"), str(deploy)), caffe.TEST)
    fill(net)
    return net


def scores(net: caffe.Net, image: np.ndarray) -> np.ndarray:
    net.blobs["data"].reshape(*image.shape)
    net.blobs["data"].data[...] = image
    return net.forward()["score"].copy()


@pytest.mark.parametrize("plain", [False, True])
def test_labels_there_are_the_cpus_when_borders_are_kept_and_sizes_change(fcn8s, plain):
    random = np.random.default_rng(1)
    images = [random.uniform(-120, 130, (1, 3, *size)).astype(np.float32) for size in [(300, 333)] * 5 + [(200, 90)]]
    expected = [scores(fcn8s, image) for image in images]
    mode.set_mode_gpu()
    with kernels.off() if plain else contextlib.nullcontext():
        for image, here in zip(images, expected, strict=True):
            there = scores(fcn8s, image)
            assert np.abs(there - here).max() < 1e-5 * np.abs(here).max()
            assert (there.argmax(1) == here.argmax(1)).mean() > 0.9999


@pytest.mark.parametrize(("precision", "least", "most"), [("tf32", 1e-5, 1e-2), ("bf16", 1e-4, 5e-2)])
def test_fewer_bits_are_used_if_asked_for(fcn8s, monkeypatch, precision, least, most):
    image = np.random.default_rng(2).uniform(-120, 130, (1, 3, 300, 333)).astype(np.float32)
    mode.set_mode_gpu()
    exact = scores(fcn8s, image)
    monkeypatch.setenv("PRECISION", precision)
    mode.set_mode_gpu()
    assert least < apart(scores(fcn8s, image), exact) < most
    monkeypatch.setenv("PRECISION", "f32")
    mode.set_mode_gpu()
    assert apart(scores(fcn8s, image), exact) < least


def test_what_numpy_wrote_is_seen_there_and_what_was_computed_there_is_seen_by_numpy():
    mode.set_mode_gpu()
    blob = caffe.Blob([2, 3])
    view = blob.data
    view[...] = 5
    assert float(blob.tensor.sum()) == 30 and blob.tensor.is_cuda
    blob.store(torch.arange(6.0, device=mode.device()).view(2, 3))
    np.testing.assert_array_equal(blob.data, [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(view, [[0, 1, 2], [3, 4, 5]])
    blob.data[0, 0] = 9
    assert float(blob.tensor[0, 0]) == 9
