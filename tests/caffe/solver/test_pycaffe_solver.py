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


def test_solve_trains_to_max_iter(solver):
    assert solver.iter == 0
    loss = solver.net._forward(0, 3)
    solver.solve()
    assert solver.iter == solver.param.max_iter == 100
    assert solver.net._forward(0, 3) < loss


def test_step_is_not_bounded_by_max_iter(solver):
    solver.step(102)
    assert solver.iter == 102
    solver.step(0)
    solver.step(-1)
    assert solver.iter == 102


def test_apply_update_changes_the_weights_and_counts(solver):
    before = solver.net.params["conv"][0].data.copy()
    solver.net.forward()
    solver.net.backward()
    gradient = solver.net.params["conv"][0].diff.copy()
    solver.apply_update()
    assert solver.iter == 1
    update = solver.net.params["conv"][0].diff
    np.testing.assert_array_equal(solver.net.params["conv"][0].data, before - update)
    np.testing.assert_allclose(update, 0.01 * (gradient + 0.0005 * before), rtol=1e-4, atol=1e-8)


def test_nets_outlive_their_solver(tmp_path):
    solver = caffe.get_solver(solver_file(tmp_path))
    nets = [solver.net, *solver.test_nets]
    assert len(nets) == 2
    del solver
    gc.collect()
    for net in nets:
        assert np.isfinite(net.forward()["loss"])
        net.backward()


def test_a_snapshot_is_two_files_named_by_the_iteration(solver, tmp_path):
    solver.step(3)
    solver.snapshot()
    assert sorted(name for name in os.listdir(tmp_path) if "iter" in name) == [
        "model_iter_3.caffemodel",
        "model_iter_3.solverstate",
    ]


def test_restore_goes_on_where_the_snapshot_was_taken(solver, tmp_path):
    solver.step(3)
    solver.snapshot()
    other = caffe.get_solver(str(tmp_path / "solver.prototxt"))
    other.restore(str(tmp_path / "model_iter_3.solverstate"))
    assert other.iter == 3
    np.testing.assert_array_equal(other.net.params["ip"][0].data, solver.net.params["ip"][0].data)
    caffe.set_random_seed(5)
    solver.step(1)
    caffe.set_random_seed(5)
    other.step(1)
    np.testing.assert_array_equal(other.net.params["ip"][0].data, solver.net.params["ip"][0].data)


def test_solve_can_begin_at_a_snapshot(tmp_path):
    first = caffe.get_solver(solver_file(tmp_path))
    first.step(99)
    first.snapshot()
    second = caffe.get_solver(str(tmp_path / "solver.prototxt"))
    updates = []
    second.add_callback(lambda: None, lambda: updates.append(second.iter))
    second.solve(str(tmp_path / "model_iter_99.solverstate"))
    assert updates == [99]
    second.solve(None)
    assert updates == [99]


@pytest.mark.parametrize("name", ["SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam"])
def test_get_solver_makes_what_the_file_names(tmp_path, name):
    momentum = "momentum: 0" if name in ("AdaGrad", "RMSProp") else "momentum: 0.9"
    text = SOLVER.replace("momentum: 0.9", momentum) + f'type: "{name}"'
    path = write(tmp_path, text.format(net=write(tmp_path, TRAINABLE), folder=tmp_path), "solver.prototxt")
    solver = caffe.get_solver(path)
    assert type(solver) is getattr(caffe, f"{name}Solver")
    assert isinstance(solver, caffe.SGDSolver)
    solver.step(1)


def test_the_class_decides_and_not_the_file(tmp_path):
    assert type(caffe.NesterovSolver(solver_file(tmp_path, 'type: "Adam"'))) is caffe.NesterovSolver


@pytest.mark.parametrize("make", [caffe.SGDSolver, caffe.get_solver])
def test_a_missing_solver_file_is_a_runtime_error(make):
    with pytest.raises(RuntimeError, match="Could not open file missing"):
        make("missing.prototxt")


def test_a_missing_solver_state_is_a_runtime_error(solver):
    with pytest.raises(RuntimeError, match="Could not open file missing"):
        solver.restore("missing.solverstate")


def test_the_rate_can_be_read_and_its_base_set(solver):
    assert solver.lr == solver.param.base_lr == np.float32(0.01)
    solver.param.base_lr = 0.5
    assert solver.lr == 0.5
    assert (solver.param.display, solver.param.layer_wise_reduce) == (100, True)
    with pytest.raises(AttributeError):
        solver.lr = 1


def test_callbacks_stand_around_the_passes(tmp_path):
    solver = caffe.get_solver(solver_file(tmp_path, "iter_size: 2 test_initialization: false"))
    heard = []
    solver.net.before_forward(lambda layer: heard.append("forward") if layer == 0 else None)
    solver.net.after_backward(lambda layer: heard.append("backward") if layer == 0 else None)
    solver.add_callback(lambda: heard.append(f"start {solver.iter}"), lambda: heard.append(f"ready {solver.iter}"))
    solver.step(2)
    passes = ["forward", "backward"] * 2
    assert heard == ["start 0", *passes, "ready 0", "start 1", *passes, "ready 1"]


def test_what_a_callback_raises_ends_the_step(solver):
    def stop():
        if solver.iter == 2:
            raise InterruptedError("enough")

    solver.add_callback(stop, lambda: None)
    with pytest.raises(InterruptedError, match="enough"):
        solver.step(5)
    assert solver.iter == 2


def test_test_nets_see_the_weights_once_they_share_them(solver, tmp_path):
    (test_net,) = solver.test_nets
    other = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    solver.share_weights(other)
    test_net.share_with(solver.net)
    solver.net.params["ip"][1].data[...] = 9
    assert (other.params["ip"][1].data == 9).all()
    assert (test_net.params["ip"][1].data == 9).all()


def test_surgery_on_the_train_net_is_trained_on(solver):
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


def test_the_seed_of_a_solver_grows_by_its_rank(tmp_path, rank_one):
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
def test_solvers_take_turns_at_the_records_they_train_on(tmp_path, rank_one, phase, seen):
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


# ---- the log


def test_the_log_tells_loss_outputs_and_rate(solver, caplog):
    caplog.set_level(logging.INFO, "caffe")
    solver.param.display = 1
    solver.step(1)
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == "Iteration 0, Testing net (#0)"
    assert lines[1].startswith("    Test net output #0: loss = ")
    assert lines[2].startswith("Iteration 0 (")
    assert lines[2].split(", loss = ")[1] == lines[3].split(" = ")[1].split(" ")[0]
    assert lines[3].startswith("    Train net output #0: loss = ")
    assert lines[3].endswith(" loss)")
    assert lines[4] == "Iteration 0, lr = 0.01"
