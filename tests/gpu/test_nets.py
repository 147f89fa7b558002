"""Nets compute the same on a GPU and on the CPU: scores, training, snapshots."""

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
from tests.fixtures.fcn_nets import noisy_net
from tests.fixtures.small_net import write

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
    """A solver whose net has weights that give every layer a gradient."""
    net = write(folder, noisy_net(name, 64, 75, normalize=True))
    solver = caffe.get_solver(write(folder, SOLVER.format(net, folder / "s", type_, more), "solver.prototxt"))
    fill(solver.net)
    return solver


def parameters(solver: caffe.SGDSolver) -> dict[str, np.ndarray]:
    blobs = {f"{name} {i}": blob for name, each in solver.net.params.items() for i, blob in enumerate(each)}
    blobs.update({f"history {i}": blob for i, blob in enumerate(solver.history)})
    return {name: blob.data.copy() for name, blob in blobs.items()}


def relative_distance(found: np.ndarray, expected: np.ndarray) -> float:
    """The distance of two arrays, relative to the norm of the second."""
    norm = float(np.linalg.norm(expected.astype(np.float64)))
    return float(np.linalg.norm(found.astype(np.float64) - expected)) / (norm or 1)


def assert_trained_alike(found: caffe.SGDSolver, expected: dict[str, np.ndarray]) -> None:
    """Fail if parameters or history differ by more than rounding after a few steps.

    docs/faq.md promises bit-exact runs on a CPU alone, and docs/fidelity.md promises numbers up to float rounding.
    On a GPU, cuDNN's algorithms and atomic sums, as in max pooling's gradient, add in another order in every run. So
    repeated and resumed runs are held to the limit of a GPU against the CPU.
    """
    for key, values in parameters(found).items():
        assert relative_distance(values, expected[key]) < 1e-3, key


@pytest.mark.parametrize(("name", "type_", "more"), SOLVERS)
def test_training_is_that_of_the_cpu(tmp_path, alike_masks, name, type_, more):
    on_cpu = solver_of(tmp_path, name, type_, more)
    on_cpu.step(3)
    mode.set_mode_gpu()
    on_gpu = solver_of(tmp_path, name, type_, more)
    on_gpu.step(3)
    assert {blob.tensor.device for blob in (*on_gpu.net.blobs.values(), *on_gpu.history)} == {mode.device()}
    expected = parameters(on_cpu)
    assert any(np.abs(values).max() > 0 for key, values in expected.items() if key.startswith("history"))
    assert_trained_alike(on_gpu, expected)


def test_two_runs_from_one_seed_are_the_same(tmp_path):
    mode.set_mode_gpu()
    first, second = (solver_of(tmp_path, *SOLVERS[0]) for _ in range(2))
    for solver in first, second:
        caffe.set_random_seed(3)
        solver.step(3)
    assert_trained_alike(second, parameters(first))


def test_a_snapshot_of_a_gpu_resumes_on_both(tmp_path, alike_masks):
    mode.set_mode_gpu()
    solver = solver_of(tmp_path, *SOLVERS[0])
    solver.step(2)
    solver.snapshot()
    caffe.set_random_seed(5)
    solver.step(2)
    expected = parameters(solver)
    for set_mode in mode.set_mode_gpu, mode.set_mode_cpu:
        set_mode()
        resumed = solver_of(tmp_path, *SOLVERS[0])
        resumed.restore(str(tmp_path / "s_iter_2.solverstate"))
        caffe.set_random_seed(5)
        resumed.step(2)
        assert resumed.iter == 4
        assert_trained_alike(resumed, expected)


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
def test_labels_are_those_of_the_cpu_with_the_padding_cache_and_changing_sizes(fcn8s, plain):
    random = np.random.default_rng(1)
    images = [random.uniform(-120, 130, (1, 3, *size)).astype(np.float32) for size in [(300, 333)] * 5 + [(200, 90)]]
    expected = [scores(fcn8s, image) for image in images]
    mode.set_mode_gpu()
    with kernels.disabled() if plain else contextlib.nullcontext():
        for image, on_cpu in zip(images, expected, strict=True):
            on_gpu = scores(fcn8s, image)
            assert np.abs(on_gpu - on_cpu).max() < 1e-5 * np.abs(on_cpu).max()
            assert (on_gpu.argmax(1) == on_cpu.argmax(1)).mean() > 0.9999


@pytest.mark.parametrize(("precision", "least", "most"), [("tf32", 1e-5, 1e-2), ("bf16", 1e-4, 5e-2)])
def test_lower_precision_is_used_on_request_alone(fcn8s, monkeypatch, precision, least, most):
    image = np.random.default_rng(2).uniform(-120, 130, (1, 3, 300, 333)).astype(np.float32)
    mode.set_mode_gpu()
    exact = scores(fcn8s, image)
    monkeypatch.setenv("PRECISION", precision)
    mode.set_mode_gpu()
    assert least < relative_distance(scores(fcn8s, image), exact) < most
    monkeypatch.setenv("PRECISION", "f32")
    mode.set_mode_gpu()
    assert relative_distance(scores(fcn8s, image), exact) < least


def test_numpy_and_the_gpu_see_each_others_writes():
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
