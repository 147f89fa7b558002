import gc
import logging
import os

import numpy as np
import pytest

from fcn_repro import caffe
from tests.fixtures.small_net import TRAINABLE, write

SOLVER = """
net: "{net}" test_iter: 10 test_interval: 10 base_lr: 0.01 momentum: 0.9 weight_decay: 0.0005
lr_policy: "inv" gamma: 0.0001 power: 0.75 display: 100 max_iter: 100 snapshot_after_train: false
snapshot_prefix: "{folder}/model" random_seed: 1
"""


def solver_file(folder, more=""):
    net = write(folder, TRAINABLE)
    return write(folder, SOLVER.format(net=net, folder=folder) + more, "solver.prototxt")


@pytest.fixture
def solver(tmp_path):
    return caffe.get_solver(solver_file(tmp_path))


def test_solve_trains_to_max_iter_and_step_beyond(solver):
    assert solver.iter == 0
    loss = solver.net._forward(0, 3)
    solver.solve()
    assert solver.iter == solver.param.max_iter == 100
    assert solver.net._forward(0, 3) < loss
    for steps in (2, 0, -1):
        solver.step(steps)
    assert solver.iter == 102


def test_apply_update_changes_the_weights_and_counts(solver):
    weights = solver.net.params["conv"][0]
    before = weights.data.copy()
    solver.net.forward()
    solver.net.backward()
    gradient = weights.diff.copy()
    solver.apply_update()
    assert solver.iter == 1
    np.testing.assert_array_equal(weights.data, before - weights.diff)
    np.testing.assert_allclose(weights.diff, 0.01 * (gradient + 0.0005 * before), rtol=1e-4, atol=1e-8)


def test_nets_outlive_their_solver(tmp_path):
    solver = caffe.get_solver(solver_file(tmp_path))
    nets = [solver.net, *solver.test_nets]
    assert len(nets) == 2
    del solver
    gc.collect()
    for net in nets:
        assert np.isfinite(net.forward()["loss"])
        net.backward()


def test_a_snapshot_has_two_files_from_which_training_resumes(solver, tmp_path):
    solver.step(3)
    solver.snapshot()
    files = sorted(name for name in os.listdir(tmp_path) if "iter" in name)
    assert files == ["model_iter_3.caffemodel", "model_iter_3.solverstate"]
    other = caffe.get_solver(str(tmp_path / "solver.prototxt"))
    other.restore(str(tmp_path / "model_iter_3.solverstate"))
    assert other.iter == 3
    for each in solver, other:
        caffe.set_random_seed(5)
        each.step(1)
    np.testing.assert_array_equal(other.net.params["ip"][0].data, solver.net.params["ip"][0].data)


def test_solve_can_start_from_a_snapshot(tmp_path):
    first = caffe.get_solver(solver_file(tmp_path))
    first.step(99)
    first.snapshot()
    second = caffe.get_solver(str(tmp_path / "solver.prototxt"))
    updates = []
    second.add_callback(lambda: None, lambda: updates.append(second.iter))
    second.solve(str(tmp_path / "model_iter_99.solverstate"))
    second.solve(None)
    assert updates == [99]


@pytest.mark.parametrize("name", ["SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam"])
def test_get_solver_returns_the_files_type_and_a_class_ignores_it(tmp_path, name):
    momentum = "momentum: 0" if name in ("AdaGrad", "RMSProp") else "momentum: 0.9"
    text = SOLVER.replace("momentum: 0.9", momentum) + f'type: "{name}"'
    path = write(tmp_path, text.format(net=write(tmp_path, TRAINABLE), folder=tmp_path), "solver.prototxt")
    solver = caffe.get_solver(path)
    assert type(solver) is getattr(caffe, f"{name}Solver")
    assert isinstance(solver, caffe.SGDSolver)
    solver.step(1)
    assert type(caffe.NesterovSolver(path)) is caffe.NesterovSolver


def test_missing_files_are_runtime_errors(solver):
    for load in caffe.SGDSolver, caffe.get_solver, solver.restore:
        with pytest.raises(RuntimeError, match="Could not open file missing"):
            load("missing")


def test_the_rate_is_read_only_and_its_base_is_not(solver):
    assert solver.lr == solver.param.base_lr == np.float32(0.01)
    solver.param.base_lr = 0.5
    assert solver.lr == 0.5
    assert (solver.param.display, solver.param.layer_wise_reduce) == (100, True)
    with pytest.raises(AttributeError):
        solver.lr = 1


def test_callbacks_run_around_the_passes(tmp_path):
    solver = caffe.get_solver(solver_file(tmp_path, "iter_size: 2 test_initialization: false"))
    calls = []
    solver.net.before_forward(lambda layer: calls.append("forward") if layer == 0 else None)
    solver.net.after_backward(lambda layer: calls.append("backward") if layer == 0 else None)
    solver.add_callback(lambda: calls.append(f"start {solver.iter}"), lambda: calls.append(f"ready {solver.iter}"))
    solver.step(2)
    passes = ["forward", "backward"] * 2
    assert calls == ["start 0", *passes, "ready 0", "start 1", *passes, "ready 1"]


def test_a_callbacks_error_ends_the_step_and_one_function_is_refused(solver):
    def stop():
        if solver.iter == 2:
            raise InterruptedError("enough")

    with pytest.raises(TypeError, match="got one function, expected on_start and on_gradients_ready, or an NCCL"):
        solver.add_callback(stop)
    solver.add_callback(stop, lambda: None)
    with pytest.raises(InterruptedError, match="enough"):
        solver.step(5)
    assert solver.iter == 2


def test_changes_of_the_train_nets_weights_reach_training_and_sharing_nets(solver, tmp_path):
    (test_net,) = solver.test_nets
    other = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    solver.share_weights(other)
    test_net.share_with(solver.net)
    solver.net.params["ip"][1].data[...] = 9
    assert (other.params["ip"][1].data == 9).all()
    assert (test_net.params["ip"][1].data == 9).all()
    solver.net.params["conv"][0].data.flat = 0
    solver.net.params["conv"][1].data[...] = 0
    solver.net.forward()
    assert not solver.net.blobs["conv"].data.any()


# ---- several solvers


@pytest.fixture
def rank_one():
    caffe.set_solver_rank(1)
    yield
    caffe.set_solver_rank(0)


def test_the_rank_adds_to_the_seed(tmp_path, rank_one):
    second = caffe.get_solver(solver_file(tmp_path))
    caffe.set_solver_rank(0)
    text = (tmp_path / "solver.prototxt").read_text()
    same_seed = caffe.get_solver(write(tmp_path, text, "same.prototxt"))
    next_seed = caffe.get_solver(write(tmp_path, text.replace("random_seed: 1", "random_seed: 2"), "next.prototxt"))
    weights = [solver.net.params["ip"][0].data for solver in (second, same_seed, next_seed)]
    assert not np.array_equal(weights[0], weights[1])
    np.testing.assert_array_equal(weights[0], weights[2])


def test_only_the_root_solver_tests_displays_and_snapshots(tmp_path, rank_one, caplog):
    caplog.set_level(logging.INFO, "caffe")
    solver = caffe.get_solver(solver_file(tmp_path, "snapshot: 1"))
    solver.step(2)
    assert caplog.text == ""
    assert not list(tmp_path.glob("*iter*"))
    with pytest.raises(caffe.CaffeError, match="rank 1 cannot snapshot"):
        solver.snapshot()


@pytest.mark.parametrize(("phase", "seen"), [(caffe.TRAIN, [1, 3, 0, 2, 4]), (caffe.TEST, [0, 1, 2, 3, 4])])
def test_each_solver_trains_on_its_share_of_the_records(tmp_path, rank_one, phase, seen):
    lmdb = pytest.importorskip("lmdb")
    with lmdb.open(str(tmp_path / "lmdb")) as environment, environment.begin(write=True) as transaction:
        for label in range(5):
            datum = caffe.io.array_to_datum(np.zeros((1, 1, 1), np.uint8), label)
            transaction.put(f"{label}".encode(), datum.SerializeToString())
    text = f"""layer {{ name: "data" type: "Data" top: "data" top: "label"
                       data_param {{ source: "{tmp_path}/lmdb" batch_size: 5 backend: LMDB }} }}"""
    caffe.set_solver_count(2)
    try:
        assert caffe.Net(write(tmp_path, text), phase).forward()["label"].tolist() == seen
    finally:
        caffe.set_solver_count(1)
