import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from fcn_repro import ranks
from fcn_repro.engine import caffe
from tests.fixtures.caffe_log import CaffeProgram, caffe_log, read_messages  # noqa: F401  # a fixture
from tests.fixtures.small_net import TRAINABLE, write
from tools import caffe as tool

ROOT = Path(__file__).parents[2]
SOLVER = """
net: "net.prototxt" test_iter: 1 test_interval: 100 base_lr: 0.01 lr_policy: "fixed" max_iter: 4 random_seed: 1
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, caffe_log):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    write(tmp_path, TRAINABLE)
    write(tmp_path, SOLVER, "solver.prototxt")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)}
    yield tmp_path
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def run(capsys):
    return CaffeProgram(tool, capsys)


def weights(path):
    return caffe.Net("net.prototxt", caffe.TEST, weights=str(path)).params["ip"][0].data


def test_train_solves_and_snapshots_beside_the_solver_file(folder, run):
    assert run("train", "--solver", "solver.prototxt") == 0
    assert run.log[-1] == "Optimization Done." and {"Use CPU.", "Starting Optimization"} <= {*run.log}
    assert (folder / "solver_iter_4.caffemodel").exists()
    assert (folder / "solver_iter_4.solverstate").exists()


def test_train_resumes_from_a_snapshot(folder, run):
    solver = caffe.get_solver("solver.prototxt")
    solver.step(3)
    solver.snapshot()
    caffe.set_random_seed(1)
    assert run("train", "--solver", "solver.prototxt", "--snapshot", "solver_iter_3.solverstate") == 0
    assert (folder / "solver_iter_4.caffemodel").exists()


def test_train_begins_with_weights_and_the_last_of_several_counts(folder, run):
    write(folder, SOLVER.replace("base_lr: 0.01", "base_lr: 0"), "solver.prototxt")
    nets = [caffe.Net("net.prototxt", caffe.TEST) for _ in "ab"]
    for net, name in zip(nets, "ab", strict=True):
        net.save(name)
    assert run("train", "--solver", "solver.prototxt", "--weights", "a,b") == 0
    np.testing.assert_array_equal(weights(folder / "solver_iter_4.caffemodel"), nets[1].params["ip"][0].data)


def test_train_puts_level_and_stages_into_the_train_net(folder, run):
    write(folder, TRAINABLE.replace('name: "ip"', 'name: "ip" include { min_level: 2 stage: "deep" phase: TRAIN }'))
    write(folder, SOLVER.replace("test_iter: 1 test_interval: 100", ""), "solver.prototxt")
    assert run("train", "--solver", "solver.prototxt") == 1
    assert run("train", "--solver", "solver.prototxt", "--level", "2", "--stage", "deep,wide") == 0


@pytest.mark.parametrize(("effect", "iteration"), [("stop", 2), ("snapshot", 4), ("none", 4)])
def test_a_signal_is_answered_after_the_iteration(folder, monkeypatch, run, effect, iteration):
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
    assert ("Optimization stopped early." in run.log) == (effect == "stop")


def test_test_logs_every_pass_and_the_mean(run):
    caffe.Net("net.prototxt", caffe.TEST).save("w.caffemodel")
    assert run("test", "--model", "net.prototxt", "--weights", "w.caffemodel", "--iterations", "3") == 0
    lines = run.log[run.log.index("Running for 3 iterations.") + 1 :]
    losses = [float(line.split("loss = ")[1]) for line in lines[:3]]
    assert lines[2].startswith("Batch 2, loss = ")
    assert float(lines[3].split("Loss: ")[1]) == pytest.approx(np.mean(losses), rel=1e-4)
    assert lines[4] == f"loss = {lines[3][6:]} (* 1 = {lines[3][6:]} loss)"


def test_time_logs_caffes_lines_and_the_sums_of_the_layers(run):
    assert run("time", "--model", "net.prototxt", "--iterations", "2") == 0
    found = {}
    for line in run.log[run.log.index("*** Benchmark begins ***") :]:
        name, _, value = line.rpartition(": ")
        if value.endswith(" ms."):
            found[tuple(name.split("\t"))] = float(value[:-4])
    for direction, total in (("forward", "Average Forward pass"), ("backward", "Average Backward pass")):
        layers = [found[f"{name:>10}", direction] for name in ("data", "conv", "ip", "loss")]
        assert sum(layers) == pytest.approx(found[total,], rel=1e-4) and layers[1] > 0
    assert found["Average Forward-Backward",] * 2 == pytest.approx(found["Total Time",], rel=1e-4)
    assert {("Iteration: 1 forward-backward time",), ("Iteration: 2 forward-backward time",)} <= found.keys()
    assert run.log[-1] == "*** Benchmark ends ***"


def test_time_builds_the_net_of_the_phase(run):
    write(Path(), TRAINABLE.replace('name: "ip"', 'name: "ip" include { phase: TRAIN }'))
    assert [run("time", "-model", "net.prototxt", "-iterations=1", f"-phase={p}") for p in ("TRAIN", "TEST")] == [0, 1]


@pytest.mark.parametrize(
    "command",
    [
        "train -solver solver.prototxt",
        "-solver=solver.prototxt train",
        "--solver solver.prototxt train",
        "train --solver=solver.prototxt --logtostderr=1 -v 1",
        "-alsologtostderr train -solver=solver.prototxt",
    ],
)
def test_flags_may_be_written_as_gflags_reads_them(command, run):
    assert run(*command.split()) == 0 and run.log[-1] == "Optimization Done."


def test_log_dir_adds_a_file_under_glogs_name_and_a_link(folder, run):
    os.mkdir("logs")
    assert run("train", "-solver=solver.prototxt", "-log_dir=logs") == 0
    (file,) = [path for path in (folder / "logs").iterdir() if ".log.INFO." in path.name]
    (link,) = (folder / "logs").glob("*.INFO")
    assert link.resolve() == file and read_messages(file)[3:] == read_messages(link)[3:]
    assert set(run.log) <= set(read_messages(link))
    assert run("train", "-solver=solver.prototxt", "-log_dir=missing") == 1 and "missing" in run.err


def test_minloglevel_hides_the_log(run):
    assert run("train", "-solver=solver.prototxt", "-minloglevel=1") == 0 and run.err == ""


def test_device_query_without_gpus_lists_none(run):
    assert run("device_query") == run("device_query", "-gpu=all") == 0 and run.log == ["Querying GPUs all"]
    assert run("device_query", "-gpu", "0") == 1 and "GPU 0 is not available" in run.err


def test_several_gpus_train_in_a_rank_each(monkeypatch, run):
    launched = []
    monkeypatch.setattr(ranks, "launch", lambda gpus, arguments: launched.append((gpus, arguments)) or 0)
    monkeypatch.setattr(caffe.mode, "count_devices", lambda: 3)
    assert (
        run("train", "-gpu", "1,2", "-solver", "solver.prototxt")
        == run("train", "-gpu=all", "-solver=solver.prototxt")
        == 0
    )
    assert launched == [
        ([1, 2], ["-m", "fcn_repro", "caffe", "train", "-gpu", "1,2", "-solver", "solver.prototxt"]),
        ([0, 1, 2], ["-m", "fcn_repro", "caffe", "train", "-gpu=all", "-solver=solver.prototxt"]),
    ]
    monkeypatch.setattr(ranks, "launch", lambda gpus, arguments: 1)
    assert run("train", "-gpu", "0,1", "-solver", "solver.prototxt") == 1 and "ended with status 1" in run.err


def test_two_ranks_train_one_net_by_torchrun_and_only_the_root_snapshots(folder):
    """On the CPU: what -gpu 0,1 starts, without GPUs. Both read equal data, so that their mean is one's gradient."""
    write(folder, TRAINABLE.replace('data_filler { type: "gaussian" std: 1 }', "data_filler { value: 0.5 }"))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [*torchrun, "-m", "fcn_repro", "caffe", "train", "-solver=solver.prototxt"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Snapshotting to binary proto file") == done.stderr.count("Starting Optimization") == 1
    together = weights("solver_iter_4.caffemodel").copy()
    alone = caffe.get_solver("solver.prototxt")
    alone.step(4)
    np.testing.assert_allclose(together, alone.net.params["ip"][0].data, rtol=1e-5)


def test_missing_files_and_faults_in_the_solver_file_are_named(folder, run):
    for arguments in (
        ("train", "--solver", "missing"),
        ("train", "--solver", "solver.prototxt", "--weights", "missing"),
        ("train", "--solver", "solver.prototxt", "--snapshot", "missing"),
        ("test", "--model", "net.prototxt", "--weights", "missing"),
        ("time", "--model", "missing"),
    ):
        assert run(*arguments) == 3
        assert "missing: missing; the path is relative to" in run.err
    write(folder, "learning_rate: 1", "solver.prototxt")
    assert run("train", "--solver", "solver.prototxt") == 1
    assert "solver.prototxt:1:1" in run.err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("fly",),
        ("train",),
        ("train", "--solver", "s", "--snapshot", "a", "--weights", "b"),
        ("train", "--solver", "s", "test"),
        ("train", "--solver", "s", "--speed"),
        ("time", "--model", "net.prototxt", "--phase", "DEPLOY"),
        ("train", "--solver", "s", "--sigint_effect", "explode"),
        ("test", "--model", "net.prototxt"),
        ("time", "--model", "net.prototxt", "--iterations", "0"),
    ],
)
def test_refuses_other_arguments(run, arguments):
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2
