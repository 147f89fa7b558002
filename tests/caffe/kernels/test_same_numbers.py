"""With every optimisation on, training gives what the plain path gives: activations, gradients, updates, weights."""

import subprocess
import sys

import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe import kernels
from tests.fixtures.fcn_nets import noisy_net
from tests.fixtures.small_net import write

SOLVER = """
net: "{}" type: "{}" base_lr: {} lr_policy: "fixed" momentum: 0.9 weight_decay: 0.0005 iter_size: {} random_seed: 7
snapshot_prefix: "{}/s"
"""


def bilinear(size: int) -> np.ndarray:
    centre = (size - 1) / 2
    line = 1 - np.abs(np.arange(size) - centre) / ((size + 1) // 2)
    return np.outer(line, line).astype(np.float32)


def trained(folder, name: str, type_: str, rate: float, iter_size: int) -> caffe.SGDSolver:
    net = write(folder, noisy_net(name, 40, 53, normalize=True))
    solver = caffe.get_solver(write(folder, SOLVER.format(net, type_, rate, iter_size, folder), "solver.prototxt"))
    random = np.random.default_rng(1)
    for layer, blobs in solver.net.params.items():
        weight = blobs[0].data
        if layer.startswith("up"):
            weight[range(len(weight)), range(len(weight))] = bilinear(weight.shape[2])
        else:
            weight[...] = random.normal(0, np.sqrt(2 / (weight.size / len(weight))), weight.shape)
    solver.step(2)
    return solver


@pytest.mark.parametrize(
    ("name", "type_", "rate", "iter_size"),
    [("vgg16-8s", "SGD", 1e-3, 2), ("alexnet-32s", "SGD", 1e-3, 1), ("vgg16-16s", "Nesterov", 1e-3, 1)],
)
def test_training_is_the_same(tmp_path, name, type_, rate, iter_size):
    options = (name, type_, rate, iter_size)
    found = trained(tmp_path, *options)
    with kernels.disabled():
        expected = trained(tmp_path, *options)
    for layer, blobs in expected.net.params.items():
        for blob, other in zip(blobs, found.net.params[layer], strict=True):
            agree(other.data, blob.data, 1e-5)
            agree(other.diff, blob.diff, 1e-4)
    for layer, blob in expected.net.blobs.items():
        agree(found.net.blobs[layer].data, blob.data, 1e-5)
        agree(found.net.blobs[layer].diff, blob.diff, 1e-4)
    assert expected.net.params["conv1_1" if name.startswith("vgg") else "conv1"][0].diff.any()


def agree(found: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * max(1e-12, np.abs(expected).max()))


def test_one_variable_turns_everything_off():
    program = """
import importlib, os
from fcn_repro.caffe import kernels
for value, expected in ("1", False), ("0", True), ("", True):
    os.environ["PLAIN"] = value
    assert importlib.reload(kernels).is_enabled() is expected, value
"""
    subprocess.run([sys.executable, "-c", program], check=True)
