"""What a solver does when: updates, displays, tests, snapshots. How updates are made stands in test_sgd_solvers.py."""

import logging
import re
from pathlib import Path

import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2
from tests.caffe.solver.test_update_rules import TYPES
from tests.fixtures.least_squares import Simulation, feed, make_solver, solver_file


@pytest.fixture
def lines(caplog):
    """What a call logs, line by line, without the times."""

    def logged(call) -> list[str]:
        caplog.clear()
        with caplog.at_level(logging.INFO, "caffe"):
            call()
        return [re.sub(r"\(\S+ iter/s, \S+s/", "(R iter/s, Ts/", message) for message in caplog.messages]

    return logged


def losses(count: int) -> list[float]:
    """The loss of every pass if weights stay as they are."""
    simulation, found = Simulation({}), []
    for _ in range(count):
        weight, bias = simulation.params
        data, target = simulation.batch()
        found.append(float(((data @ weight.T + bias - target) ** 2).sum() / 2 / len(data)))
    return found


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".prototxt")


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
        "train forward",
        "train backward",
        "train forward",
        "train backward",
        "Iteration 0 (R iter/s, Ts/1 iters)",
        "    Train net output #0",
        "on_gradients_ready, diffs are there",
        "Iteration 0",
        f"Snapshotting to binary proto file {tmp_path}/train_iter_1.caffemodel",
        f"Snapshotting solver state to binary proto file {tmp_path}/train_iter_1.solverstate",
    ]


def test_gradients_that_a_callback_changes_are_what_the_update_is_made_of(tmp_path):
    solver = make_solver(tmp_path, {})
    weight, _ = solver.net.params["ip"]
    before = weight.data.copy()
    solver.add_callback(lambda: None, lambda: weight.diff.fill(2))
    solver.step(1)
    np.testing.assert_allclose(before - weight.data, 0.1 * 2, rtol=1e-5)


def test_apply_update_leaves_gradients_alone_that_it_did_not_make(tmp_path):
    solver = make_solver(tmp_path, {})
    solver.net.params["ip"][0].diff[...] = 1
    solver.apply_update()
    solver.apply_update()  # now of what the first one subtracted: 0.1
    assert solver.iter == 2
    np.testing.assert_allclose(solver.net.params["ip"][0].diff, 0.01, rtol=1e-5)


# ---- the log


def test_displays_the_loss_averaged_over_this_call_of_step_and_outputs_as_they_are(tmp_path, lines):
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


def test_a_call_of_step_begins_a_new_average(tmp_path, lines):
    *_, last = losses(3)
    solver = make_solver(tmp_path, dict(base_lr=0, display=1, average_loss=10))
    solver.step(2)
    assert lines(lambda: solver.step(1))[0].endswith(f"loss = {last:g}")


def test_the_loss_is_the_mean_over_iter_size_but_outputs_are_the_last_passs(tmp_path, lines):
    first, second = losses(2)
    solver = make_solver(tmp_path, dict(base_lr=0, display=1, iter_size=2))
    loss, output, _ = lines(lambda: solver.step(1))
    assert loss.endswith(f"loss = {(first + second) / 2:g}")
    assert output == f"    Train net output #0: loss = {second:g} (* 1 = {second:g} loss)"


def test_multistep_says_when_it_steps(tmp_path, lines):
    solver = make_solver(tmp_path, dict(lr_policy="multistep", gamma=0.5, stepvalue=1, display=5))
    assert lines(lambda: solver.step(3))[3:] == ["MultiStep Status: Iteration 1, step = 1"]


def test_reading_the_rate_advances_multistep_as_in_caffe(tmp_path):
    path = Path(solver_file(tmp_path, dict(lr_policy="multistep", gamma=0.5)))
    path.write_text(path.read_text() + "\nstepvalue: 0 stepvalue: 0 stepvalue: 9")
    solver = caffe.SGDSolver(str(path))
    assert [solver.lr, solver.lr, solver.lr] == [np.float32(0.1) / 2, np.float32(0.1) / 4, np.float32(0.1) / 4]


# ---- tests


def test_tests_average_every_output_over_their_passes_with_the_train_nets_weights(tmp_path, lines):
    solver = make_solver(tmp_path, dict(base_lr=0, test_iter=3, test_interval=2, test_compute_loss=True))
    solver.test_nets[0].params["ip"][0].data[...] = 99
    mean = np.mean(losses(3))
    assert lines(solver.test_all) == [
        "Iteration 0, Testing net (#0)",
        f"Test loss: {mean:g}",
        f"    Test net output #0: loss = {mean:g} (* 1 = {mean:g} loss)",
    ]


@pytest.mark.parametrize(("initially", "expected"), [(True, [0, 2, 4]), (False, [2, 4])])
def test_tests_come_every_test_interval_and_first_if_asked(tmp_path, lines, initially, expected):
    options = dict(test_iter=1, test_interval=2, test_initialization=initially)
    found = lines(lambda: make_solver(tmp_path, options).step(5))
    assert [line for line in found if "Testing" in line] == [f"Iteration {i}, Testing net (#0)" for i in expected]


def test_a_test_of_no_passes_says_nothing(tmp_path, lines):
    solver = make_solver(tmp_path, dict(test_iter=0, test_interval=1, test_compute_loss=True))
    assert lines(solver.test_all) == ["Iteration 0, Testing net (#0)"]


# ---- solve


def test_solve_ends_with_a_snapshot_a_displayed_pass_and_a_test(tmp_path, lines):
    options = dict(base_lr=0, max_iter=4, display=4, average_loss=3, test_iter=1, test_interval=4)
    solver = make_solver(tmp_path, {**options, "test_initialization": False})
    assert lines(solver.solve)[3:] == [
        f"Snapshotting to binary proto file {tmp_path}/train_iter_4.caffemodel",
        f"Snapshotting solver state to binary proto file {tmp_path}/train_iter_4.solverstate",
        f"Iteration 4, loss = {np.mean(losses(5)[-3:]):g}",  # the pass behind the last update, averaged like the others
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
def test_solve_snapshots_at_the_end_unless_it_has_or_must_not(tmp_path, options, snapshots):
    make_solver(tmp_path, dict(max_iter=3, **options)).solve()
    suffixes = (".caffemodel", ".solverstate")
    assert files(tmp_path) == sorted(f"train_iter_{i}{suffix}" for i in snapshots for suffix in suffixes)


def test_solve_is_over_when_max_iter_is_reached(tmp_path):
    solver = make_solver(tmp_path, dict(max_iter=3, snapshot_after_train=False))
    solver.step(5)
    solver.solve()
    assert solver.iter == 5


# ---- snapshots


def weights(solver: caffe.SGDSolver) -> list[np.ndarray]:
    return [blob.data.copy() for blob in solver.net.params["ip"]]


@pytest.mark.parametrize("form", ["BINARYPROTO", "HDF5"])
@pytest.mark.parametrize("type_", TYPES)
def test_training_goes_on_from_a_snapshot_to_the_bit(tmp_path, type_, form):
    policy = dict(lr_policy="multistep", gamma=0.5, stepvalue=2, weight_decay=0.1)
    options = {"type": type_, **TYPES[type_], **policy}
    whole = make_solver(tmp_path, options)
    path = Path(tmp_path / "solver.prototxt")
    path.write_text(path.read_text() + f"\nsnapshot_format: {form}")
    first = caffe.get_solver(str(path))
    for made, given in zip(first.net.params["ip"], whole.net.params["ip"], strict=True):
        made.data[...] = given.data
    feed(first.net)
    first.step(3)
    first.snapshot()
    second = caffe.get_solver(str(path))
    feed(second.net, begin=3)
    second.restore(f"{tmp_path}/train_iter_3.solverstate" + (".h5" if form == "HDF5" else ""))
    assert second.iter == 3
    second.step(4)
    whole.step(7)
    for ours, theirs in zip(second.history, whole.history, strict=True):
        np.testing.assert_array_equal(ours.data, theirs.data)
    for ours, theirs in zip(weights(second), weights(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (second.iter, second.lr) == (whole.iter, whole.lr)


def test_histories_lie_in_parameter_order_and_adams_second_half_behind(tmp_path):
    solver = make_solver(tmp_path, dict(type="Adam", momentum=0.9))
    solver.step(1)
    solver.snapshot()
    state = caffe_pb2.SolverState.FromString((tmp_path / "train_iter_1.solverstate").read_bytes())
    assert [list(blob.shape.dim) for blob in state.history] == [[2, 3], [2], [2, 3], [2]]
    assert state.learned_net == f"{tmp_path}/train_iter_1.caffemodel"
    first, _, second, _ = (np.array(blob.data) for blob in state.history)
    np.testing.assert_allclose((first / 0.1) ** 2 * 0.001, second, rtol=1e-3)


@pytest.mark.parametrize("with_diff", [False, True])
def test_diffs_are_stored_only_if_asked_for(tmp_path, with_diff):
    solver = make_solver(tmp_path, dict(snapshot_diff=with_diff))
    solver.step(1)
    solver.snapshot()
    model = caffe_pb2.NetParameter.FromString((tmp_path / "train_iter_1.caffemodel").read_bytes())
    weight, bias = model.layer[1].blobs
    stored = [blob.diff for blob in solver.net.params["ip"]] if with_diff else [np.zeros(0)] * 2
    for blob, diff in zip((weight, bias), stored, strict=True):
        np.testing.assert_array_equal(np.float32(blob.diff), diff.ravel())


@pytest.mark.parametrize("form", ["BINARYPROTO", "HDF5"])
def test_a_snapshot_that_fails_leaves_the_earlier_ones_whole(tmp_path, monkeypatch, form):
    path = Path(solver_file(tmp_path, {}))
    path.write_text(path.read_text() + f"\nsnapshot_format: {form}")
    solver = caffe.SGDSolver(str(path))
    feed(solver.net)
    solver.step(1)
    solver.snapshot()
    before = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    for _ in range(2):  # over the files that are there, then beside them
        with pytest.raises(OSError, match="No space left"):
            solver.snapshot()
        solver.iter += 1
    assert {name: (tmp_path / name).read_bytes() for name in files(tmp_path)} == before
    monkeypatch.undo()
    solver.snapshot()


def test_refuses_a_state_of_another_solver_type_and_stays_as_it_was(tmp_path):
    adam = make_solver(tmp_path, dict(type="Adam"))
    adam.step(1)
    adam.snapshot()
    solver = make_solver(tmp_path, {})
    before = weights(solver)
    with pytest.raises(
        CaffeError, match="train_iter_1.solverstate holds 4 history blobs and this solver has 2; it belongs"
    ):
        solver.restore(f"{tmp_path}/train_iter_1.solverstate")
    assert solver.iter == 0
    for found, expected in zip(weights(solver), before, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_refuses_a_state_of_another_net_and_stays_as_it_was(tmp_path):
    solver = make_solver(tmp_path, {})
    solver.snapshot()
    state = caffe_pb2.SolverState.FromString((tmp_path / "train_iter_0.solverstate").read_bytes())
    state.history[1].data.append(1)
    (tmp_path / "other.solverstate").write_bytes(state.SerializeToString())
    solver.step(1)
    before = weights(solver)
    with pytest.raises(CaffeError, match=r"other.solverstate: history 1: 3 values for a parameter of shape \[2\]"):
        solver.restore(tmp_path / "other.solverstate")
    assert solver.iter == 1
    for found, expected in zip(weights(solver), before, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_refuses_a_state_whose_weights_are_gone_and_names_both_files(tmp_path):
    solver = make_solver(tmp_path, {})
    solver.snapshot()
    (tmp_path / "train_iter_0.caffemodel").unlink()
    with pytest.raises(RuntimeError, match="train_iter_0.solverstate: Could not open file .*train_iter_0.caffemodel"):
        solver.restore(tmp_path / "train_iter_0.solverstate")


# ---- the solver file


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (dict(average_loss=0), "average_loss is 0; expected 1 or more"),
        (dict(iter_size=0), "iter_size is 0; expected 1 or more"),
        (
            dict(snapshot=1, snapshot_prefix="no/such/folder/train"),
            "snapshot_prefix 'no/such/folder/train' lies in no folder that exists and can be written; "
            "make it: mkdir -p no/such/folder",
        ),
    ],
)
def test_refuses_a_solver_file_by_name(tmp_path, options, complaint):
    with pytest.raises(CaffeError, match=f"solver.prototxt: {complaint}"):
        caffe.SGDSolver(solver_file(tmp_path, options))


@pytest.mark.parametrize("policy", ["", "cosine"])
def test_refuses_a_missing_or_unknown_policy_at_the_first_update(tmp_path, policy):
    solver = make_solver(tmp_path, dict(lr_policy=policy))
    with pytest.raises(CaffeError, match=f"unknown lr_policy '{policy}'; known policies: fixed, step"):
        solver.step(1)
    assert solver.iter == 0


def test_a_seed_makes_training_repeat(tmp_path):
    text = Path(solver_file(tmp_path, dict(random_seed=3)))
    net = tmp_path / "net.prototxt"
    net.write_text(net.read_text().replace("num_output: 2", 'num_output: 2 weight_filler { type: "gaussian" }'))
    first, second = (caffe.SGDSolver(str(text)) for _ in range(2))
    assert weights(first)[0].any()
    np.testing.assert_array_equal(weights(first)[0], weights(second)[0])
