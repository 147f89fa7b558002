import numpy as np
import pytest

from fcn_repro.analysis.benchmark import comparison
from fcn_repro.analysis.benchmark.backends import BACKENDS
from fcn_repro.analysis.benchmark.comparison import JOBS, JOBS_ON_GPU, list_participants
from fcn_repro.analysis.benchmark.files import BenchmarkFiles
from fcn_repro.analysis.benchmark.real_caffe import NoCaffe
from fcn_repro.analysis.benchmark.rounds import Timing


@pytest.fixture
def no_caffe(monkeypatch):
    def refuse():
        raise NoCaffe("no real Caffe")

    monkeypatch.setattr(comparison.real_caffe, "interpreter", refuse)
    monkeypatch.setattr(comparison, "list_instructions", lambda: ["avx2"])


def test_on_a_cpu_missing_backends_are_named_with_their_reason(no_caffe):
    participants, absent = list_participants()
    assert {name for names in JOBS.values() for name in names} == set(participants) <= set(BACKENDS)
    assert set(absent) == {"caffe", "ours-bf16", "openvino-bf16"} and absent["caffe"] == "no real Caffe"


def test_on_a_gpu_each_backend_has_its_precision(monkeypatch):
    monkeypatch.delenv("CAFFE_PYTHON", raising=False)
    participants, absent = list_participants(2)
    assert {name for names in JOBS_ON_GPU.values() for name in names} == set(participants) <= set(BACKENDS)
    assert list(absent) == ["caffe"]
    assert {each.environment["BENCH_GPU"] for each in participants.values()} == {"2"}
    precisions = {name: participants[name].environment["PRECISION"] for name in ("ours", "ours-tf32", "ours-bf16")}
    assert precisions == {"ours": "f32", "ours-tf32": "tf32", "ours-bf16": "bf16"}
    assert [name for name, each in participants.items() if each.environment["PLAIN"] == "1"] == ["ours-plain"]
    monkeypatch.setenv("CAFFE_PYTHON", "/opt/caffe/python")
    participants, absent = list_participants(0)
    assert not absent and participants["caffe"].python == "/opt/caffe/python"


def test_scores_are_compared_with_caffes_by_the_largest_and_by_labels(tmp_path):
    files = BenchmarkFiles(tmp_path)
    np.save(str(files.scores("caffe")), np.array([[[[0.0, 3.0]], [[-4.0, 2.0]]]]))  # of two classes, for two pixels
    np.save(str(files.scores("ours")), np.array([[[[0.0, 3.0]], [[-4.0, 3.5]]]]))
    differences, agreements = comparison.compare_scores(files, {"ours": Timing([]), "caffe": Timing([])})
    assert (differences, agreements) == ({"ours": 1.5 / 4, "caffe": 0}, {"ours": 0.5, "caffe": 1})
    assert comparison.compare_scores(files, {"ours": Timing([])}) == ({}, {})


@pytest.mark.parametrize("difference", [2e-5, float("nan")])
def test_scores_that_differ_are_refused(difference):
    comparison.check_scores({"ours": 9e-6, "ours-bf16": 0.01, "openvino": 0.1})
    with pytest.raises(ValueError, match="expected at most 1e-05"):
        comparison.check_scores({"ours": difference})


def test_a_benchmark_measures_every_job_and_reports_it(tmp_path, monkeypatch, no_caffe):
    files = BenchmarkFiles(tmp_path)
    files.weights.write_bytes(b"w" * 10**6)
    np.save(str(files.scores("ours-plain")), np.ones((1, 2, 1, 1)))
    np.save(str(files.scores("ours")), np.ones((1, 2, 1, 1)))

    def run_rounds(job, participants, folder, rounds, threads, warm_up=0):
        assert folder == tmp_path and warm_up == (2 if job == "forward" else 0)
        names = [each.name for each in participants if each.name in ("ours", "ours-plain")]
        timings = {name: Timing([2.0] * rounds, [1.0] * rounds, 3 * 10**9, 10**9, 0.5) for name in names}
        return timings, {"pytorch": "no torch"} if job == "step" else {}

    monkeypatch.setattr(comparison, "run_rounds", run_rounds)
    facts = {"net": "mini-fcn8s", "size": [40, 33], "device": "cpu"}
    report, timings = comparison.run_benchmark(files, facts, None, 3, {"onnxruntime": "missing"})
    assert list(report["jobs"]) == list(JOBS) and report["rounds"] == 3 and report["startup_seconds"] == [0.5] * 3
    assert set(report["absent"]) == {"onnxruntime", "caffe", "ours-bf16", "openvino-bf16", "pytorch (step)"}
    assert report["agreements"] == {"ours": 1, "ours-plain": 1}
    text = "\n".join(comparison.format_report(report, timings))
    for part in (
        *("mini-fcn8s at 40 x 33, 3 rounds", "training step", "2.0000", "3.00", "not measured: caffe: no real Caffe"),
        *("50.00 % of a training step", "ours: 1.000 times the time of the net alone"),
        *("memory to hold and load 1.00 MB of weights: 2000.00 times", "start-up to the first scores: 0.50 s"),
    ):
        assert part in text
    charts = comparison.chart_timings(timings)
    assert [chart.title for chart in charts] == ["forward, TEST, seconds", "training step, seconds"]
    assert charts[0].values == {"ours": 2.0, "ours-plain": 2.0}


def test_speedups_are_over_the_reference_and_unknown_memory_is_no_zero():
    ours, caffe = comparison.list_rows({"ours": Timing([1.0], bytes=2 * 10**9), "caffe": Timing([3.0])})
    assert ours == ("ours", "1.0000", "1.0000", "1.0000", "3.00", "3.00-3.00", "2.00")
    assert caffe[-1] == "unknown"
    assert comparison.list_rows({"ours": Timing([1.0])})[0][4:6] == ("", "")
