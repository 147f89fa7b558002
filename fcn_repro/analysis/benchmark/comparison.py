"""Which backends run which jobs; their scores against a reference; the report of a benchmark."""

from __future__ import annotations

import logging
import os
import platform
import statistics
from dataclasses import asdict
from typing import Any, Iterator, Mapping, Sequence

import numpy as np

from fcn_repro.analysis.benchmark import real_caffe
from fcn_repro.analysis.benchmark.files import BenchmarkFiles
from fcn_repro.analysis.benchmark.rounds import Participant, Timing, run_rounds
from fcn_repro.drawing.chart import BarChart
from fcn_repro.system.hardware import count_cores, list_instructions, read_processor_name
from fcn_repro.system.memory import GB, format_bytes
from fcn_repro.system.text_table import format_table

THREADS = 2
ROUNDS, ROUNDS_ON_GPU = 5, 25
STARTUP_ROUNDS = 5
JOBS = {
    "forward": ("ours", "ours-bf16", "ours-plain", "caffe", "onnxruntime", "openvino", "openvino-bf16", "pytorch"),
    "step": ("ours", "ours-bf16", "ours-plain", "caffe", "pytorch", "convolutions"),
    "load": ("ours", "caffe"),
    "save": ("ours", "caffe"),
    "data": ("ours",),
    "score": ("ours",),
}
JOBS_ON_GPU = {
    "forward": ("ours", "ours-tf32", "ours-bf16", "ours-plain", "caffe", "pytorch", "pytorch-tf32", "pytorch-bf16"),
    "step": ("ours", "ours-tf32", "ours-bf16", "ours-plain", "caffe", "pytorch", "pytorch-tf32", "pytorch-bf16",
             "convolutions"),
    "data": ("ours", "ours-bf16"),
    "score": ("ours", "ours-bf16"),
}  # fmt: skip
ONNX_BACKENDS = ("onnxruntime", "openvino", "openvino-bf16")
WARM_UP = {"forward": 2}  # further rounds that do not count: the engine caches padding from the third pass on
TITLES = {"forward": "forward, TEST", "step": "training step", "load": "load weights", "save": "save weights"}
REFERENCES = {"caffe": "Caffe", "pytorch": "PyTorch"}  # speedups are over the first that takes part
TOLERANCE = 1e-5  # of scores in f32, as a fraction of the largest
BF16_INSTRUCTIONS = {"avx512_bf16", "amx_bf16"}
UNKNOWN = "unknown"

Timings = Mapping[str, Timing]


def list_participants(gpu: int | None = None) -> tuple[dict[str, Participant], dict[str, str]]:
    """List the backends by name, on the CPU or a GPU; and why others do not take part."""
    jobs, shared = (JOBS, {}) if gpu is None else (JOBS_ON_GPU, {"BENCH_GPU": str(gpu)})
    names = {name for names in jobs.values() for name in names}
    participants = {name: Participant(name, environment={**_engine_settings(name), **shared}) for name in names}
    absent: dict[str, str] = {}
    if gpu is not None:
        python = os.environ.get("CAFFE_PYTHON")
        if python:
            participants["caffe"] = Participant("caffe", python, {**shared, "ENGINE": "bvlc"})
        else:
            absent["caffe"] = "CAFFE_PYTHON names no Python with a Caffe that computes on a GPU"
        return participants, absent
    if not BF16_INSTRUCTIONS & set(list_instructions()):
        absent = dict.fromkeys(("ours-bf16", "openvino-bf16"), "this processor has no bfloat16 instructions")
    try:
        environment = {k: v for k, v in real_caffe.ENVIRONMENT.items() if k != "OPENBLAS_NUM_THREADS"}
        python = real_caffe.interpreter()
        participants["caffe"] = Participant("caffe", python, {**environment, "ENGINE": "bvlc"})
    except real_caffe.NoCaffe as error:
        absent["caffe"] = str(error)
    return participants, absent


def _engine_settings(name: str) -> Mapping[str, str]:
    """The environment of our engine for a backend's name; other libraries ignore it."""
    precision = name.split("-")[1] if name.endswith(("-tf32", "-bf16")) else "f32"
    return {"ENGINE": "torch", "PLAIN": str(int(name == "ours-plain")), "PRECISION": precision}


def run_benchmark(
    files: BenchmarkFiles, facts: Mapping[str, Any], gpu: int | None, rounds: int | None, absent: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, dict[str, Timing]]]:
    """Measure every job; returns the report as JSON values, and the timings by job and backend.

    facts    what the files are and what computes: net, size and device
    absent   backends that do not take part, and why
    """
    participants, not_here = list_participants(gpu)
    absent = {**absent, **not_here}
    rounds = rounds or (ROUNDS if gpu is None else ROUNDS_ON_GPU)
    timings: dict[str, dict[str, Timing]] = {}
    for job, names in (JOBS if gpu is None else JOBS_ON_GPU).items():
        present = [participants[name] for name in names if name not in absent]
        logging.getLogger(__name__).info("%s: %s", job, ", ".join(each.name for each in present))
        timings[job], failed = run_rounds(job, present, files.path, rounds, THREADS, WARM_UP.get(job, 0))
        absent.update({f"{name} ({job})": error for name, error in failed.items()})
    differences, agreements = compare_scores(files, timings["forward"])
    report = {
        **{"net": facts["net"], "size": facts["size"], "rounds": rounds, "threads": THREADS},
        **{"device": facts["device"], "cores": count_cores(), "cpu": read_processor_name()},
        **{"vectors": list_instructions(), "python": platform.python_version()},
        "OPENBLAS_CORETYPE": os.environ.get("OPENBLAS_CORETYPE"),
        "absent": absent,
        "differences": differences,
        "agreements": agreements,
        "startup_seconds": measure_startup(participants["ours"], files, min(rounds, STARTUP_ROUNDS)),
        "weights_bytes": files.weights.stat().st_size,
        "jobs": {job: {name: asdict(timing) for name, timing in found.items()} for job, found in timings.items()},
    }
    return report, timings


def measure_startup(participant: Participant, files: BenchmarkFiles, rounds: int) -> list[float]:
    """Measure the seconds from the start of Python to the first scores of a net without weights."""
    ready = []
    for _ in range(rounds + 1):  # the first reads files from disk and does not count
        timings, _ = run_rounds("startup", [participant], files.path, 0, THREADS)
        ready.append(timings[participant.name].ready)
    return ready[1:]


def compare_scores(files: BenchmarkFiles, forward: Timings) -> tuple[dict[str, float], dict[str, float]]:
    """Compare each backend's scores with real Caffe's, or with our plain path's if Caffe is missing.

    Returns the largest differences as fractions of the largest score, and the fractions of equal labels.
    """
    reference = next((name for name in ("caffe", "ours-plain") if name in forward), None)
    if reference is None:
        return {}, {}
    expected = np.load(str(files.scores(reference)))
    largest, labels = abs(expected).max(), expected.argmax(1)
    scores = {name: np.load(str(files.scores(name))) for name in forward}
    return (
        {name: float(abs(found - expected).max() / largest) for name, found in scores.items()},
        {name: float((found.argmax(1) == labels).mean()) for name, found in scores.items()},
    )


def check_scores(differences: Mapping[str, float]) -> None:
    """Fail if scores of our engine in f32 differ from the reference.

    Raises   ValueError
    """
    wrong = {n: d for n, d in differences.items() if n in ("ours", "ours-plain") and not d <= TOLERANCE}
    if wrong:
        raise ValueError(f"scores: got differences {wrong}, expected at most {TOLERANCE:g} of the largest score")


def chart_timings(timings: Mapping[str, Timings]) -> list[BarChart]:
    """Chart the median seconds of a forward pass and of a training step."""
    return [
        BarChart(f"{TITLES[job]}, seconds", {name: timing.median for name, timing in timings[job].items()})
        for job in ("forward", "step")
    ]


def format_report(report: Mapping[str, Any], timings: Mapping[str, Timings], format: str = "text") -> Iterator[str]:
    """Format a report as lines, with a table for each job."""
    height, width = report["size"]
    yield f"{report['net']} at {height} x {width}, {report['rounds']} rounds"
    instructions = ", ".join(report["vectors"]) or "instructions unknown"
    yield f"{report['cpu']} ({instructions}), {report['threads']} threads; {report['device']}"
    if report["OPENBLAS_CORETYPE"]:
        yield f"OPENBLAS_CORETYPE is {report['OPENBLAS_CORETYPE']}: it selects the kernels of real Caffe's OpenBLAS"
    for job in (job for job in TITLES if job in timings):
        over = f"speedup over {REFERENCES[find_reference(timings[job])]}" if find_reference(timings[job]) else "speedup"
        headers = (TITLES[job], "median s", "lowest", "highest", over, "spread", "peak GB")
        yield "\n" + format_table(list_rows(timings[job]), headers, format)
    yield ""
    loading, weights = timings.get("load", {}).get("ours"), report["weights_bytes"]
    if loading:
        extra = (loading.bytes - loading.bytes_before) / weights
        yield f"memory to hold and load {format_bytes(weights, 2)} of weights: {extra:.2f} times their size"
    for name, data in timings["data"].items():
        share = statistics.median(part / whole for part, whole in zip(data.values, data.seconds))
        yield f"data layer, {name}: {100 * share:.2f} % of a training step of {data.median:.3f} s"
    for name, score in timings["score"].items():  # its seconds include a run of the net alone after the scoring
        ratio = statistics.median((whole - alone) / alone for alone, whole in zip(score.values, score.seconds))
        yield f"scoring, {name}: {ratio:.3f} times the time of the net alone"
    yield f"start-up to the first scores: {statistics.median(report['startup_seconds']):.2f} s"
    for name, difference in report["differences"].items():
        equal = f"{100 * report['agreements'][name]:.3f} % of labels equal"
        yield f"scores of {name}: differ from the reference by {difference:.1e} of the largest score; {equal}"
    for name, reason in report["absent"].items():
        yield f"not measured: {name}: {reason}"


def find_reference(timings: Timings) -> str:
    """Return the backend that speedups refer to; empty if neither of REFERENCES took part."""
    return next((name for name in REFERENCES if name in timings), "")


def list_rows(timings: Timings) -> list[Sequence[str]]:
    """List a row of text for each backend."""
    reference = find_reference(timings)
    rows: list[Sequence[str]] = []
    for name, timing in timings.items():
        speedup = ["", ""]
        if reference:
            middle, low, high = timing.speedup(timings[reference])
            speedup = [f"{middle:.2f}", f"{low:.2f}-{high:.2f}"]
        seconds = [f"{value:.4f}" for value in (timing.median, min(timing.seconds), max(timing.seconds))]
        rows.append((name, *seconds, *speedup, f"{timing.bytes / GB:.2f}" if timing.bytes else UNKNOWN))
    return rows
