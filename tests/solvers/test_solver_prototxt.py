import dataclasses
from pathlib import Path

import pytest
from google.protobuf import text_format

from fcn_repro.engine import caffe
from solvers.experiments import EXPERIMENTS
from solvers.prototxt import solver

# base_lr, momentum, iter_size, max_iter, snapshot of the reference's files; the rest is the same in all fifteen.
# Three of them, SIFT Flow's, name no snapshot, so that nothing is ever written: these have ours.
NYUD = (0.99, 1, 300_000, 2000)
CONTEXT = (0.99, 1, 300_000, 4000)
REFERENCE = {
    "voc-fcn32s": (1e-10, 0.99, 1, 100_000, 4000),
    "voc-fcn16s": (1e-12, 0.99, 1, 100_000, 4000),
    "voc-fcn8s": (1e-14, 0.99, 1, 100_000, 4000),
    "voc-fcn8s-atonce": (1e-10, 0.99, 1, 300_000, 4000),
    "voc-fcn-alexnet": (1e-4, 0.9, 20, 100_000, 4000),
    "nyud-fcn32s-color": (1e-10, *NYUD),
    "nyud-fcn32s-hha": (1e-10, *NYUD),
    "nyud-fcn32s-color-d": (1e-10, *NYUD),
    "nyud-fcn32s-color-hha": (1e-12, *NYUD),
    "siftflow-fcn32s": (1e-10, *NYUD),
    "siftflow-fcn16s": (1e-12, *NYUD),
    "siftflow-fcn8s": (1e-12, *NYUD),
    "pascalcontext-fcn32s": (1e-10, *CONTEXT),
    "pascalcontext-fcn16s": (1e-12, *CONTEXT),
    "pascalcontext-fcn8s": (1e-14, *CONTEXT),
}


def written(name: str):
    folder = Path("build", name)
    return solver(EXPERIMENTS[name], folder / "train.prototxt", folder / "val.prototxt", 736, folder / "snapshot/train")


@pytest.mark.parametrize("name", REFERENCE)
def test_is_the_references_solver_with_our_paths(name: str):
    base_lr, momentum, iter_size, max_iter, snapshot = REFERENCE[name]
    expected = f"""
        train_net: "build/{name}/train.prototxt" test_net: "build/{name}/val.prototxt"
        test_iter: 736 test_interval: 999999999 test_initialization: false display: 20 average_loss: 20
        base_lr: {base_lr} lr_policy: "fixed" momentum: {momentum} weight_decay: 0.0005 iter_size: {iter_size}
        max_iter: {max_iter} snapshot: {snapshot} snapshot_prefix: 'build/{name}/snapshot/train'"""
    assert written(name) == text_format.Parse(expected, caffe.proto.caffe_pb2.SolverParameter())


def test_max_iter_is_not_the_length_of_a_run_and_a_rate_falls_by_caffes_poly_where_the_regime_does():
    """`max_iter` and the rounds are two numbers in the reference, and differ in ten of its fifteen runs."""
    row = dataclasses.replace(EXPERIMENTS["voc-fcn8s"], iterations=(50, 8000), max_iter=300_000)
    assert solver(row, Path("t"), Path("v"), 1, Path("s")).max_iter == 300_000
    falling = written("mini-vgg16")
    assert (falling.lr_policy, falling.power, falling.max_iter, falling.type) == ("poly", 1, 2000, "Adam")
    assert not written("mini-fcn32s").HasField("power")
