"""Backends take turns at the same files, answer with measurements, and fail with a reason."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fcn_repro import caffe
from fcn_repro.analysis.benchmark import backends, rounds
from fcn_repro.analysis.benchmark.files import BenchmarkFiles
from fcn_repro.analysis.benchmark.rounds import Participant, Timing, run_rounds
from solvers.benchmark_nets import write_nets

OURS = Participant("ours", environment={"ENGINE": "torch"})


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> BenchmarkFiles:
    files = BenchmarkFiles(tmp_path_factory.mktemp("bench"))
    assert write_nets(files, "mini-fcn8s", (40, 33), -1)[1] == {}
    return files


@pytest.fixture
def backend_process(tmp_path, monkeypatch):
    """Replace the program of the children."""

    def replace(text):
        monkeypatch.setattr(rounds, "ROOT", tmp_path)
        monkeypatch.setattr(rounds, "MODULE", "stand_in")
        (tmp_path / "stand_in.py").write_text(text)

    return replace


def test_a_plain_module_computes_the_engines_scores_and_each_round_is_timed(files):
    results, failed = run_rounds("forward", [OURS, Participant("pytorch"), Participant("unknown")], files.path, 3)
    assert {name: len(timing.seconds) for name, timing in results.items()} == {"ours": 3, "pytorch": 3}
    assert "unknown" in failed["unknown"]
    for timing in results.values():
        assert 0 < min(timing.seconds) < timing.ready
        assert 0 < timing.bytes_before <= timing.bytes
    scores = {name: np.load(files.scores(name)) for name in results}
    assert scores["ours"].shape == (1, 7, 40, 33)
    np.testing.assert_allclose(scores["pytorch"], scores["ours"], rtol=0, atol=1e-5 * abs(scores["ours"]).max())


def test_scores_are_interpolated_class_by_class_as_in_a_trained_net(files):
    net = caffe.Net(str(files.deploy), caffe.TEST, weights=str(files.weights))
    for name in "upscore2", "upscore8":
        filters = net.params[name][0].data
        mixing = filters[~np.eye(len(filters), dtype=bool)]
        assert mixing.size and not mixing.any() and filters.any()


def test_silent_and_killed_backends_fail_while_others_continue_and_warm_up_rounds_do_not_count(
    tmp_path, backend_process
):
    backend_process("")
    _, failed = run_rounds("forward", [Participant("silent", sys.executable)], tmp_path, 1)
    assert failed == {"silent": "no message"}
    backend_process(
        "import itertools, json, os, sys\n"
        "for seconds, _ in enumerate(itertools.chain([0], sys.stdin)):\n"
        "    if sys.argv[1] == 'doomed' and seconds: os.kill(os.getpid(), 9)\n"
        "    print(json.dumps({'seconds': seconds, 'bytes': 1, 'bytes_before': 1}), flush=True)\n"
    )
    participants = [Participant("doomed"), Participant("sound")]
    results, failed = run_rounds("step", participants, tmp_path, 2, warm_up=3)
    assert failed == {"doomed": "ended by SIGKILL, as when memory runs out"}
    assert results["sound"].seconds == [4, 5] and "doomed" not in results


def test_values_that_a_job_measures_itself_are_kept(files):
    results, failed = run_rounds("data", [OURS], files.path, 2)
    assert not failed
    for share, whole in zip(results["ours"].values, results["ours"].seconds, strict=True):
        assert 0 <= share < whole


def test_speedups_are_taken_round_by_round():
    assert Timing([1.0, 2.0, 4.0]).speedup(Timing([2.0, 6.0, 8.0])) == (2.0, 2.0, 3.0)


@pytest.mark.parametrize(("engine", "expected"), [("torch", 7), ("bvlc", 0)])
def test_the_peak_memory_of_a_gpu_is_reported_where_the_engine_knows_it(monkeypatch, engine, expected):
    monkeypatch.setattr(backends, "GPU", 0)
    backend = object.__new__(backends.Pycaffe)
    backend.engine = SimpleNamespace(name=engine)
    backend.caffe = SimpleNamespace(**({"mode": SimpleNamespace(gpu_peak=lambda: 7)} if engine == "torch" else {}))
    assert backend.peak_bytes() == expected


@pytest.mark.parametrize("job", ["forward", "step"])
def test_reduced_precision_of_a_plain_module_is_torchs(files, job):
    names = ("pytorch", "pytorch-tf32", "pytorch-bf16")
    _, failed = run_rounds(job, [Participant(name) for name in names], files.path, 1)
    assert not failed
    if job == "forward":
        exact, tf32, bf16 = (np.load(files.scores(name)) for name in names)
        np.testing.assert_array_equal(tf32, exact)  # on a CPU
        assert 1e-5 < abs(bf16 - exact).max() / abs(exact).max() < 0.1


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_backends_without_their_gpu_fail_with_a_reason(files):
    on_gpu = {"ENGINE": "torch", "BENCH_GPU": "0"}
    participants = [Participant(name, environment=on_gpu) for name in ("ours", "pytorch")]
    results, failed = run_rounds("forward", participants, files.path, 1)
    assert not results and "0 CUDA device" in failed["ours"] and "CUDA" in failed["pytorch"]
