import os
import signal
import threading

import numpy as np
import pytest

from fcn_repro.engine import caffe
from tests.fixtures.small_net import TRAINABLE, write
from tools import caffe as tool
from tools import program

SOLVER = """
net: "net.prototxt" test_iter: 1 test_interval: 100 base_lr: 0.01 lr_policy: "fixed" max_iter: 4 random_seed: 1
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, TRAINABLE)
    write(tmp_path, SOLVER, "solver.prototxt")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)}
    monkeypatch.setattr(caffe, "init_log", lambda level: None)
    yield tmp_path
    for number, handler in handlers.items():
        signal.signal(number, handler)


def run(*arguments):
    """The exit status of a command line."""
    return program.run(tool.main, tool.parse(arguments))


def weights(path):
    return caffe.Net("net.prototxt", caffe.TEST, weights=str(path)).params["ip"][0].data


def test_train_solves_and_snapshots_beside_the_solver_file(folder, capsys):
    assert run("train", "--solver", "solver.prototxt") == 0
    assert capsys.readouterr().out == "Optimization done\n"
    assert (folder / "solver_iter_4.caffemodel").exists()
    assert (folder / "solver_iter_4.solverstate").exists()


def test_train_goes_on_from_a_snapshot(folder):
    solver = caffe.get_solver("solver.prototxt")
    solver.step(3)
    solver.snapshot()
    caffe.set_random_seed(1)
    assert run("train", "--solver", "solver.prototxt", "--snapshot", "solver_iter_3.solverstate") == 0
    assert (folder / "solver_iter_4.caffemodel").exists()


def test_train_begins_with_weights_and_the_last_of_several_counts(folder):
    write(folder, SOLVER.replace("base_lr: 0.01", "base_lr: 0"), "solver.prototxt")
    nets = [caffe.Net("net.prototxt", caffe.TEST) for _ in "ab"]
    for net, name in zip(nets, "ab", strict=True):
        net.save(name)
    assert run("train", "--solver", "solver.prototxt", "--weights", "a,b") == 0
    np.testing.assert_array_equal(weights(folder / "solver_iter_4.caffemodel"), nets[1].params["ip"][0].data)


def test_train_puts_level_and_stages_into_the_train_net(folder):
    write(folder, TRAINABLE.replace('name: "ip"', 'name: "ip" include { min_level: 2 stage: "deep" phase: TRAIN }'))
    write(folder, SOLVER.replace("test_iter: 1 test_interval: 100", ""), "solver.prototxt")
    assert run("train", "--solver", "solver.prototxt") == 1
    assert run("train", "--solver", "solver.prototxt", "--level", "2", "--stage", "deep,wide") == 0


@pytest.mark.parametrize(("effect", "iteration"), [("stop", 2), ("snapshot", 4), ("none", 4)])
def test_a_signal_is_answered_after_the_iteration(folder, monkeypatch, capsys, effect, iteration):
    get_solver = caffe.get_solver

    def interrupted(path):
        solver = get_solver(path)
        solver.add_callback(lambda: None, lambda: os.kill(os.getpid(), signal.SIGHUP) if solver.iter == 1 else None)
        return solver

    monkeypatch.setattr(caffe, "get_solver", interrupted)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert threading.current_thread() is threading.main_thread()
    assert run("train", "--solver", "solver.prototxt", "--sighup_effect", effect) == 0
    assert (folder / "solver_iter_2.caffemodel").exists() == (effect != "none")
    assert (folder / f"solver_iter_{iteration}.caffemodel").exists()
    assert ("stopped early, at iteration 2" in capsys.readouterr().out) == (effect == "stop")


def test_test_prints_every_pass_and_the_mean(folder, capsys):
    caffe.Net("net.prototxt", caffe.TEST).save("w.caffemodel")
    assert run("test", "--model", "net.prototxt", "--weights", "w.caffemodel", "--iterations", "3") == 0
    lines = capsys.readouterr().out.splitlines()
    losses = [float(line.split("loss = ")[1]) for line in lines[:3]]
    assert lines[2].startswith("Batch 2, loss = ")
    assert float(lines[3].split("Loss: ")[1]) == pytest.approx(np.mean(losses), rel=1e-4)
    assert lines[4] == f"loss = {lines[3][6:]} (* 1 = {lines[3][6:]} loss)"


def test_time_prints_a_row_per_layer_and_the_total(capsys):
    assert run("time", "--model", "net.prototxt", "--iterations", "2") == 0
    loss, header, *rows = capsys.readouterr().out.splitlines()
    assert loss.startswith("Initial loss: ")
    assert header.split() == ["layer", "type", "forward", "ms", "backward", "ms"]
    assert [row.split()[0] for row in rows] == ["data", "conv", "ip", "loss", "total"]
    times = np.array([row.split()[-2:] for row in rows], float)
    np.testing.assert_allclose(times[:-1].sum(0), times[-1], atol=0.005)
    assert times[1].min() > 0


def test_a_missing_file_is_named(capsys):
    for arguments in (
        ("train", "--solver", "missing"),
        ("train", "--solver", "solver.prototxt", "--weights", "missing"),
        ("train", "--solver", "solver.prototxt", "--snapshot", "missing"),
        ("test", "--model", "net.prototxt", "--weights", "missing"),
        ("time", "--model", "missing"),
    ):
        assert run(*arguments) == 3
        assert capsys.readouterr().err.startswith("missing: missing")


def test_a_fault_in_the_solver_file_is_named(folder, capsys):
    write(folder, "learning_rate: 1", "solver.prototxt")
    assert run("train", "--solver", "solver.prototxt") == 1
    assert "solver.prototxt:1:1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("fly",),
        ("train",),
        ("train", "--solver", "s", "--snapshot", "a", "--weights", "b"),
        ("train", "--solver", "s", "--gpu", "0,1"),
        ("train", "--solver", "s", "--sigint_effect", "explode"),
        ("test", "--model", "net.prototxt"),
        ("time", "--model", "net.prototxt", "--iterations", "0"),
    ],
)
def test_refuses_other_arguments(arguments):
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2
