"""The order and effects of a solver's steps: updates, displays, tests, snapshots. test_update_rules.py has updates."""

import logging
import re
from pathlib import Path

import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2
from tests.fixtures.least_squares import SOLVER_OPTIONS, Simulation, feed, make_solver, solver_file


@pytest.fixture
def lines(caplog):
    """Return what a call logs, line by line, without times."""

    def logged(call) -> list[str]:
        caplog.clear()
        with caplog.at_level(logging.INFO, "caffe"):
            call()
        return [re.sub(r"\(\S+ iter/s, \S+s/", "(R iter/s, Ts/", message) for message in caplog.messages]

    return logged


def losses(count: int) -> list[float]:
    """Return the loss of every pass with constant weights."""
    simulation, found = Simulation({}), []
    for _ in range(count):
        weight, bias = simulation.params
        data, target = simulation.batch()
        found.append(float(((data @ weight.T + bias - target) ** 2).sum() / 2 / len(data)))
    return found


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".prototxt")


def add_option(folder: Path, text: str) -> str:
    """Add a line to the folder's solver file; return its path."""
    path = folder / "solver.prototxt"
    path.write_text(f"{path.read_text()}\n{text}")
    return str(path)


def weights(solver: caffe.SGDSolver) -> list[np.ndarray]:
    return [blob.data.copy() for blob in solver.net.params["ip"]]


def assert_equal(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


# ---- the order of a step


def test_an_iteration_clears_tests_computes_displays_updates_and_snapshots(tmp_path, lines):
    solver = make_solver(tmp_path, dict(iter_size=2, display=1, snapshot=1, test_iter=1, test_interval=1))
    log, weight = logging.getLogger("caffe"), solver.net.params["ip"][0]
    for net, name in ((solver.net, "train"), (solver.test_nets[0], "test")):
        net.before_forward(lambda layer, name=name: layer or log.info("%s forward", name))
        net.after_backward(lambda layer, name=name: layer or log.info("%s backward", name))
    weight.diff[...] = 7
    solver.add_callback(
        lambda: log.info("on_start, diffs are %s", "left" if weight.diff.any() else "clear"),
        lambda: log.info("on_gradients_ready, diffs are %s", "there" if weight.diff.any() else "clear"),
    )
    found = [re.split(", loss|, lr|: ", line)[0] for line in lines(lambda: solver.step(1))]
    assert found == [
        "Iteration 0, Testing net (#0)",
        "test forward",
        "    Test net output #0",
        "on_start, diffs are clear",
        *["train forward", "train backward"] * 2,
        "Iteration 0 (R iter/s, Ts/1 iters)",
        "    Train net output #0",
        "on_gradients_ready, diffs are there",
        "Iteration 0",
        f"Snapshotting to binary proto file {tmp_path}/train_iter_1.caffemodel",
        f"Snapshotting solver state to binary proto file {tmp_path}/train_iter_1.solverstate",
    ]


def test_a_callback_may_change_the_gradients_of_an_update(tmp_path):
    solver = make_solver(tmp_path, {})
    weight, _ = solver.net.params["ip"]
    before = weight.data.copy()
    solver.add_callback(lambda: None, lambda: weight.diff.fill(2))
    solver.step(1)
    np.testing.assert_allclose(before - weight.data, 0.1 * 2, rtol=1e-5)


def test_apply_update_does_not_clear_gradients(tmp_path):
    solver = make_solver(tmp_path, {})
    solver.net.params["ip"][0].diff[...] = 1
    solver.apply_update()
    solver.apply_update()  # uses the first update, 0.1, as gradient
    assert solver.iter == 2
    np.testing.assert_allclose(solver.net.params["ip"][0].diff, 0.01, rtol=1e-5)


# ---- the log


def test_displays_the_average_loss_of_this_call_of_step_and_the_last_outputs(tmp_path, lines):
    one, two, three, four, five = losses(5)
    solver = make_solver(tmp_path, dict(base_lr=0, display=2, average_loss=2))

    def shown(iteration: int, loss: float, output: float) -> list[str]:
        return [
            f"Iteration {iteration} (R iter/s, Ts/2 iters), loss = {loss:g}",
            f"    Train net output #0: loss = {output:g} (* 1 = {output:g} loss)",
            f"Iteration {iteration}, lr = 0",
        ]

    assert lines(lambda: solver.step(3)) == shown(0, one, one) + shown(2, (two + three) / 2, three)
    assert lines(lambda: solver.step(2)) == shown(4, (four + five) / 2, five)
    solver = make_solver(tmp_path, dict(base_lr=0, display=1, average_loss=10))
    solver.step(2)
    assert lines(lambda: solver.step(1))[0].endswith(f"loss = {three:g}")  # each call starts a new average


def test_the_loss_is_the_mean_over_iter_size_and_outputs_are_of_the_last_pass(tmp_path, lines):
    first, second = losses(2)
    solver = make_solver(tmp_path, dict(base_lr=0, display=1, iter_size=2))
    loss, output, _ = lines(lambda: solver.step(1))
    assert loss.endswith(f"loss = {(first + second) / 2:g}")
    assert output == f"    Train net output #0: loss = {second:g} (* 1 = {second:g} loss)"


def test_multistep_logs_its_steps(tmp_path, lines):
    solver = make_solver(tmp_path, dict(lr_policy="multistep", gamma=0.5, stepvalue=1, display=5))
    assert lines(lambda: solver.step(3))[3:] == ["MultiStep Status: Iteration 1, step = 1"]


def test_reading_the_rate_advances_multistep_as_in_caffe(tmp_path):
    solver_file(tmp_path, dict(lr_policy="multistep", gamma=0.5))
    solver = caffe.SGDSolver(add_option(tmp_path, "stepvalue: 0 stepvalue: 0 stepvalue: 9"))
    assert [solver.lr, solver.lr, solver.lr] == [np.float32(0.1) / 2, np.float32(0.1) / 4, np.float32(0.1) / 4]


# ---- tests


def test_tests_average_outputs_over_their_passes_with_the_train_nets_weights(tmp_path, lines):
    solver = make_solver(tmp_path, dict(base_lr=0, test_iter=3, test_interval=2, test_compute_loss=True))
    solver.test_nets[0].params["ip"][0].data[...] = 99
    mean = np.mean(losses(3))
    assert lines(solver.test_all) == [
        "Iteration 0, Testing net (#0)",
        f"Test loss: {mean:g}",
        f"    Test net output #0: loss = {mean:g} (* 1 = {mean:g} loss)",
    ]


@pytest.mark.parametrize(("initially", "expected"), [(True, [0, 2, 4]), (False, [2, 4])])
def test_tests_run_every_test_interval_and_on_request_first(tmp_path, lines, initially, expected):
    options = dict(test_iter=1, test_interval=2, test_initialization=initially)
    found = lines(lambda: make_solver(tmp_path, options).step(5))
    assert [line for line in found if "Testing" in line] == [f"Iteration {i}, Testing net (#0)" for i in expected]


def test_a_test_without_passes_logs_no_results(tmp_path, lines):
    solver = make_solver(tmp_path, dict(test_iter=0, test_interval=1, test_compute_loss=True))
    assert lines(solver.test_all) == ["Iteration 0, Testing net (#0)"]


# ---- solve


def test_solve_ends_with_a_snapshot_a_displayed_pass_and_a_test(tmp_path, lines):
    options = dict(base_lr=0, max_iter=4, display=4, average_loss=3, test_iter=1, test_interval=4)
    solver = make_solver(tmp_path, {**options, "test_initialization": False})
    assert lines(solver.solve)[5:] == [
        f"Snapshotting to binary proto file {tmp_path}/train_iter_4.caffemodel",
        f"Snapshotting solver state to binary proto file {tmp_path}/train_iter_4.solverstate",
        f"Iteration 4, loss = {np.mean(losses(5)[-3:]):g}",  # of the pass after the last update, in the same average
        "Iteration 4, Testing net (#0)",
        f"    Test net output #0: loss = {losses(1)[0]:g} (* 1 = {losses(1)[0]:g} loss)",
        "Optimization Done.",
    ]


@pytest.mark.parametrize(
    ("options", "snapshots"),
    [
        (dict(), [3]),
        (dict(snapshot=2), [2, 3]),
        (dict(snapshot=3), [3]),
        (dict(snapshot_after_train=False), []),
        (dict(snapshot=2, snapshot_after_train=False), [2]),
    ],
)
def test_solve_snapshots_at_the_end_unless_done_or_forbidden(tmp_path, options, snapshots):
    make_solver(tmp_path, dict(max_iter=3, **options)).solve()
    suffixes = (".caffemodel", ".solverstate")
    assert files(tmp_path) == sorted(f"train_iter_{i}{suffix}" for i in snapshots for suffix in suffixes)


def test_solve_beyond_max_iter_does_nothing(tmp_path):
    solver = make_solver(tmp_path, dict(max_iter=3, snapshot_after_train=False))
    solver.step(5)
    solver.solve()
    assert solver.iter == 5


# ---- snapshots


@pytest.mark.parametrize("form", ["BINARYPROTO", "HDF5"])
@pytest.mark.parametrize("type_", SOLVER_OPTIONS)
def test_training_resumes_from_a_snapshot_to_the_bit(tmp_path, type_, form):
    policy = dict(lr_policy="multistep", gamma=0.5, stepvalue=2, weight_decay=0.1)
    whole = make_solver(tmp_path, {"type": type_, **SOLVER_OPTIONS[type_], **policy})
    path = add_option(tmp_path, f"snapshot_format: {form}")
    first = caffe.get_solver(path)
    for made, given in zip(first.net.params["ip"], whole.net.params["ip"], strict=True):
        made.data[...] = given.data
    feed(first.net)
    first.step(3)
    first.snapshot()
    second = caffe.get_solver(path)
    feed(second.net, 3)
    second.restore(f"{tmp_path}/train_iter_3.solverstate" + (".h5" if form == "HDF5" else ""))
    assert second.iter == 3
    second.step(4)
    whole.step(7)
    assert_equal([blob.data for blob in second.history], [blob.data for blob in whole.history])
    assert_equal(weights(second), weights(whole))
    assert (second.iter, second.lr) == (whole.iter, whole.lr)


def test_histories_are_in_parameter_order_and_adams_second_half_follows(tmp_path):
    solver = make_solver(tmp_path, dict(type="Adam", momentum=0.9))
    solver.step(1)
    solver.snapshot()
    state = caffe_pb2.SolverState.FromString((tmp_path / "train_iter_1.solverstate").read_bytes())
    assert [list(blob.shape.dim) for blob in state.history] == [[2, 3], [2], [2, 3], [2]]
    assert state.learned_net == f"{tmp_path}/train_iter_1.caffemodel"
    first, _, second, _ = (np.array(blob.data) for blob in state.history)
    np.testing.assert_allclose((first / 0.1) ** 2 * 0.001, second, rtol=1e-3)


@pytest.mark.parametrize("with_diff", [False, True])
def test_diffs_are_stored_only_on_request(tmp_path, with_diff):
    solver = make_solver(tmp_path, dict(snapshot_diff=with_diff))
    solver.step(1)
    solver.snapshot()
    model = caffe_pb2.NetParameter.FromString((tmp_path / "train_iter_1.caffemodel").read_bytes())
    expected = [blob.diff.ravel() for blob in solver.net.params["ip"]] if with_diff else [np.zeros(0)] * 2
    assert_equal([np.float32(blob.diff) for blob in model.layer[1].blobs], expected)


@pytest.mark.parametrize("form", ["BINARYPROTO", "HDF5"])
def test_a_failed_snapshot_leaves_earlier_ones_intact(tmp_path, monkeypatch, form):
    solver_file(tmp_path, {})
    solver = caffe.SGDSolver(add_option(tmp_path, f"snapshot_format: {form}"))
    feed(solver.net)
    solver.step(1)
    solver.snapshot()
    before = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    for _ in range(2):  # over existing files, then beside them
        with pytest.raises(OSError, match="No space left"):
            solver.snapshot()
        solver.iter += 1
    assert {name: (tmp_path / name).read_bytes() for name in files(tmp_path)} == before
    monkeypatch.undo()
    solver.snapshot()


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ("solver", ": got 4 history blobs, expected 2; the file is of another net or solver type"),
        ("net", r": history 1: got 3 values for a parameter of shape \[2\]"),
        ("weights", ": Could not open file .*train_iter_0.caffemodel"),
    ],
)
def test_refuses_a_state_that_does_not_fit_and_changes_nothing(tmp_path, fault, complaint):
    path = tmp_path / "train_iter_0.solverstate"
    make_solver(tmp_path, dict(type="Adam") if fault == "solver" else {}).snapshot()
    if fault == "net":
        state = caffe_pb2.SolverState.FromString(path.read_bytes())
        state.history[1].data.append(1)
        path.write_bytes(state.SerializeToString())
    if fault == "weights":
        path.with_suffix(".caffemodel").unlink()
    solver = make_solver(tmp_path, {})
    solver.step(1)
    before = weights(solver)
    with pytest.raises(CaffeError, match=f"{path.name}{complaint}"):
        solver.restore(path)
    assert solver.iter == 1
    assert_equal(weights(solver), before)


def test_weights_given_as_a_state_are_called_weights(tmp_path):
    solver = make_solver(tmp_path, {})
    solver.snapshot()
    with pytest.raises(CaffeError, match="train_iter_0.caffemodel: got weights, expected a .solverstate. Fix: "):
        solver.restore(tmp_path / "train_iter_0.caffemodel")


# ---- the solver file


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (dict(average_loss=0), "average_loss is 0; expected 1 or more"),
        (dict(iter_size=0), "iter_size is 0; expected 1 or more"),
        (dict(snapshot=1, snapshot_prefix="no/folder/train"),
         "snapshot_prefix 'no/folder/train': expected an existing, writable folder. Fix: mkdir -p no/folder"),
    ],
)  # fmt: skip
def test_refuses_a_solver_file_by_name(tmp_path, options, complaint):
    with pytest.raises(CaffeError, match=f"solver.prototxt: {complaint}"):
        caffe.SGDSolver(solver_file(tmp_path, options))


@pytest.mark.parametrize("policy", ["", "cosine"])
def test_refuses_a_missing_or_unknown_policy_at_the_first_update(tmp_path, policy):
    solver = make_solver(tmp_path, dict(lr_policy=policy))
    with pytest.raises(CaffeError, match=f"unknown lr_policy '{policy}'; known policies: fixed, step"):
        solver.step(1)
    assert solver.iter == 0


def test_equal_seeds_give_equal_weights(tmp_path):
    path = solver_file(tmp_path, dict(random_seed=3))
    net = tmp_path / "net.prototxt"
    net.write_text(net.read_text().replace("num_output: 2", 'num_output: 2 weight_filler { type: "gaussian" }'))
    first, second = (weights(caffe.SGDSolver(path)) for _ in range(2))
    assert first[0].any()
    assert_equal(first, second)
