"""Contenders take turns at the same files, answer with what they measured, and drop out with their reason."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fcn_repro import caffe
from fcn_repro.analysis.benchmark import backends
from fcn_repro.analysis.benchmark import race as racing
from fcn_repro.analysis.benchmark.place import Place
from fcn_repro.analysis.benchmark.race import Entrant, Result, race
from tools import bench

OURS = Entrant("ours", environment={"ENGINE": "torch"})


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Place:
    place = Place(tmp_path_factory.mktemp("bench"))
    assert bench.write(place, "mini-fcn8s", (40, 33)) == {}
    return place


def test_a_plain_module_scores_what_the_engine_scores_and_each_round_is_timed(place):
    broken = Entrant("nobody")
    results, dropped = race("forward", [OURS, Entrant("pytorch"), broken], place.path, 3)
    assert {name: len(result.seconds) for name, result in results.items()} == {"ours": 3, "pytorch": 3}
    assert "nobody" in dropped["nobody"]
    for result in results.values():
        assert 0 < min(result.seconds) < result.ready
        assert 0 < result.bytes_before <= result.bytes
    scores = {name: np.load(place.scores(name)) for name in results}
    assert scores["ours"].shape == (1, 7, 40, 33)
    np.testing.assert_allclose(scores["pytorch"], scores["ours"], rtol=0, atol=1e-5 * abs(scores["ours"]).max())


def test_scores_are_interpolated_class_by_class_as_in_a_trained_net(place):
    net = caffe.Net(str(place.deploy), caffe.TEST, weights=str(place.weights))
    for name in "upscore2", "upscore8":
        filters = net.params[name][0].data
        mixing = filters[~np.eye(len(filters), dtype=bool)]
        assert mixing.size and not mixing.any() and filters.any()


def test_rounds_that_warm_up_do_not_count(place):
    results, _ = race("load", [OURS], place.path, 2, warm_up=3)
    assert len(results["ours"].seconds) == 2


def test_the_seconds_that_a_job_tells_of_are_kept(place):
    results, dropped = race("data", [OURS], place.path, 2)
    assert not dropped
    for share, whole in zip(results["ours"].values, results["ours"].seconds, strict=True):
        assert 0 <= share < whole


def test_an_entrant_that_says_nothing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(racing, "ROOT", tmp_path)
    silent = tmp_path / "fcn_repro" / "bench"
    silent.mkdir(parents=True)
    (silent / "contender.py").write_text("")
    _, dropped = race("forward", [Entrant("mute", sys.executable)], tmp_path, 1)
    assert dropped == {"mute": "it said nothing"}


def test_an_entrant_that_is_killed_in_its_turn_drops_out_and_the_others_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(racing, "ROOT", tmp_path)
    folder = tmp_path / "fcn_repro" / "bench"
    folder.mkdir(parents=True)
    answer = """import json; print(json.dumps({"seconds": 1, "bytes": 1, "bytes_before": 1}), flush=True)"""
    (folder / "contender.py").write_text(
        f"import os, sys\n{answer}\nfor _ in sys.stdin:\n"
        f"    if sys.argv[1] == 'doomed': os.kill(os.getpid(), 9)\n    {answer}\n"
    )
    results, dropped = race("step", [Entrant("doomed"), Entrant("sound")], tmp_path, 2)
    assert dropped == {"doomed": "ended by SIGKILL, as where memory runs out"}
    assert results["sound"].seconds == [1, 1] and "doomed" not in results


def test_ratios_are_taken_round_by_round():
    ours, theirs = Result([1.0, 2.0, 4.0]), Result([2.0, 6.0, 8.0])
    assert ours.times_as_fast(theirs) == (2.0, 2.0, 3.0)


def test_scores_are_held_against_caffes_by_the_largest_and_by_labels(tmp_path):
    place = Place(tmp_path)
    np.save(str(place.scores("caffe")), np.array([[[[0.0, 3.0]], [[-4.0, 2.0]]]]))  # of two classes, for two pixels
    np.save(str(place.scores("ours")), np.array([[[[0.0, 3.0]], [[-4.0, 3.5]]]]))
    differences, alike = bench.compare(place, {"ours": Result([]), "caffe": Result([])})
    assert (differences, alike) == ({"ours": 1.5 / 4, "caffe": 0}, {"ours": 0.5, "caffe": 1})


@pytest.mark.parametrize("difference", [2e-5, float("nan")])
def test_scores_that_differ_are_refused(difference):
    bench.check({"ours": 9e-6, "ours-bf16": 0.01, "openvino": 0.1})
    with pytest.raises(ValueError, match="more than 1e-05"):
        bench.check({"ours": difference})


def test_on_a_gpu_those_race_who_compute_there_each_with_its_own_precision(monkeypatch):
    monkeypatch.delenv("CAFFE_PYTHON", raising=False)
    entrants, absent = bench.field_on_gpu(2)
    assert {name for names in bench.ON_GPU.values() for name in names} == set(entrants) <= set(backends.CONTENDERS)
    assert list(absent) == ["caffe"]
    assert {entrant.environment["BENCH_GPU"] for entrant in entrants.values()} == {"2"}
    precisions = {name: entrants[name].environment["PRECISION"] for name in ("ours", "ours-tf32", "ours-bf16")}
    assert precisions == {"ours": "f32", "ours-tf32": "tf32", "ours-bf16": "bf16"}
    assert [name for name, entrant in entrants.items() if entrant.environment["PLAIN"] == "1"] == ["ours-plain"]
    monkeypatch.setenv("CAFFE_PYTHON", "/opt/caffe/python")
    entrants, absent = bench.field_on_gpu(0)
    assert not absent and entrants["caffe"].python == "/opt/caffe/python"


@pytest.mark.parametrize(("engine", "told"), [("torch", 7), ("bvlc", 0)])
def test_the_peak_of_a_gpus_memory_is_told_where_the_engine_knows_it(monkeypatch, engine, told):
    monkeypatch.setattr(backends, "GPU", 0)
    contender = object.__new__(backends.Pycaffe)
    contender.engine = SimpleNamespace(name=engine)
    contender.caffe = SimpleNamespace(**({"mode": SimpleNamespace(gpu_peak=lambda: 7)} if engine == "torch" else {}))
    assert contender.peak() == told


@pytest.mark.parametrize("job", ["forward", "step"])
def test_reduced_precision_of_a_plain_module_is_torchs_own(place, job):
    results, dropped = race(job, [Entrant(name) for name in ("pytorch", "pytorch-tf32", "pytorch-bf16")], place.path, 1)
    assert not dropped
    if job == "forward":
        exact, tf32, bf16 = (np.load(place.scores(name)) for name in ("pytorch", "pytorch-tf32", "pytorch-bf16"))
        np.testing.assert_array_equal(tf32, exact)  # on a CPU
        assert 1e-5 < abs(bf16 - exact).max() / abs(exact).max() < 0.1


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_who_finds_no_gpu_drops_out_and_says_so(place):
    there = {"BENCH_GPU": "0"}
    entrants = [Entrant(name, environment={**OURS.environment, **there}) for name in ("ours", "pytorch")]
    results, dropped = race("forward", entrants, place.path, 1)
    assert not results
    assert "sees 0 CUDA device" in dropped["ours"]
    assert "CUDA" in dropped["pytorch"]


def test_a_peak_that_nobody_tells_is_no_number():
    line, other = bench.rows({"ours": Result([1.0], bytes=2 * 10**9), "caffe": Result([3.0])})
    assert line.split()[-1] == "2.00" and other.split()[-1] == "untold"
