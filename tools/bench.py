"""Measure the engine beside others that run the same net, all in one run on this machine.

    python -m tools.bench            FCN-8s on VGG-16 at 500 x 500, 12 to 17 minutes
    python -m tools.bench --quick    the mini experiment's FCN-8s, in a minute or two
    python -m tools.bench --gpu 0    the same nets on a GPU, whose peak of memory is then told

Contenders   ours, and by its plain path (PLAIN=1); real Caffe, as `tools.real_caffe` finds it; ONNX Runtime and
             OpenVINO (`pip install '.[bench]'`); the net as a plain PyTorch module; and, beside a training step,
             nothing but the net's convolutions. Each is a process of its own with two threads; they take turns. Who
             is not there, or drops out, is named. Those of a training step hold some 17 GB together. On a GPU
             they are ours, plain PyTorch, and a Caffe of your own, if CAFFE_PYTHON names one that computes there.
Writes       build/bench/<net>/, build/bench.json and build/bench.svg (bench-quick, bench-gpu, bench-quick-gpu)
Exit         0 measured · 1 outputs differ from Caffe's, or another fault · 2 bad arguments
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from multiprocessing import get_context
from typing import Any, Iterator, Mapping, Sequence

import numpy as np

from fcn_repro import device
from fcn_repro.analysis import hardware
from fcn_repro.analysis.benchmark.chart import bars
from fcn_repro.analysis.benchmark.place import Place
from fcn_repro.analysis.benchmark.preparation import export, prepare, voc_layer
from fcn_repro.analysis.benchmark.race import Entrant, Result, race
from fcn_repro.datasets import DATASETS
from fcn_repro.drawing.net_diagram.svg import svg
from fcn_repro.model.deploy_metadata import Deployment
from fcn_repro.paths import BUILD
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.system.memory import GB
from nets import build
from solvers.experiments import EXPERIMENTS
from tools import program, real_caffe

THREADS = 2
NETS = {False: ("voc-fcn8s", (500, 500)), True: ("mini-fcn8s", (160, 160))}  # quick: experiment, size
ROUNDS, ROUNDS_ON_GPU = 5, 25
JOBS = {
    "forward": ("ours", "ours-bf16", "ours-plain", "caffe", "onnxruntime", "openvino", "openvino-bf16", "pytorch"),
    "step": ("ours", "ours-bf16", "ours-plain", "caffe", "pytorch", "convolutions"),
    "load": ("ours", "caffe"),
    "save": ("ours", "caffe"),
    "data": ("ours",),
    "score": ("ours",),
}
ON_GPU = {
    "forward": ("ours", "ours-tf32", "ours-bf16", "ours-plain", "caffe", "pytorch", "pytorch-tf32", "pytorch-bf16"),
    "step": ("ours", "ours-tf32", "ours-bf16", "ours-plain", "caffe", "pytorch", "pytorch-tf32", "pytorch-bf16",
             "convolutions"),
    "data": ("ours", "ours-bf16"),
    "score": ("ours", "ours-bf16"),
}  # fmt: skip
WARM_UP = {"forward": 2}  # rounds beside the first: the engine keeps what pictures of a size share from the third on
TITLES = {"forward": "forward, TEST", "step": "training step", "load": "weights loaded", "save": "weights saved"}
REFERENCES = {"caffe": "Caffe", "pytorch": "PyTorch"}
TOLERANCE = 1e-5  # of the largest score; bfloat16 is left out
BFLOAT16 = {"avx512_bf16", "amx_bf16"}  # instructions that multiply it


def main(options: argparse.Namespace) -> None:
    name, size = NETS[options.quick]
    is_on_gpu = options.gpu is not None and options.gpu >= 0
    jobs, rounds = (ON_GPU, ROUNDS_ON_GPU) if is_on_gpu else (JOBS, ROUNDS)
    rounds = options.rounds or rounds
    place = Place((BUILD / "bench" / name).resolve())
    with ProcessPoolExecutor(1, get_context("spawn")) as own:  # it ends, and its memory is there for the contenders
        where = own.submit(device_title, options.gpu if is_on_gpu else -1).result()
        absent = own.submit(write, place, name, size).result()
    entrants, absentees = field_on_gpu(options.gpu) if is_on_gpu else field()
    absent = {**absent, **absentees}
    results: dict[str, dict[str, Result]] = {}
    for job, names in jobs.items():
        print(f"{job}: {', '.join(n for n in names if n not in absent)}", file=sys.stderr)
        here = [entrants[n] for n in names if n not in absent]
        results[job], dropped = race(job, here, place.path, rounds, THREADS, WARM_UP.get(job, 0))
        absent.update({f"{name} ({job})": reason for name, reason in dropped.items()})
    started = startup(entrants["ours"], place, min(rounds, ROUNDS))
    out = BUILD / f"bench{'-quick' * options.quick}{'-gpu' * is_on_gpu}.json"
    facts = conditions(name, size, rounds, where)
    differences, agreements = compare(place, results["forward"])
    report = {
        **facts,
        "absent": absent,
        "differences": differences,
        "agreements": agreements,
        "startup_seconds": started,
        "weights_bytes": place.weights.stat().st_size,
        "jobs": {job: {n: asdict(result) for n, result in found.items()} for job, found in results.items()},
    }
    with atomic_write(out) as file:
        json.dump(report, file, indent=1)
    with atomic_write(out.with_suffix(".svg")) as file:
        file.write(svg(bars({TITLES[job]: medians(results[job]) for job in ("forward", "step")}, "seconds")))
    for line in told(report, results, place):
        print(line)
    print(f"\n{out} {out.with_suffix('.svg')}")
    check(differences)


def write(place: Place, name: str, size: Sequence[int]) -> dict[str, str]:
    """Everything that contenders read; who cannot take part, and why."""
    row = EXPERIMENTS[name]
    data = replace(DATASETS[row.data], train=voc_layer(place, "train"), val=voc_layer(place, "val"))
    deploy, train, val = (build(row.net, phase, data, row.regime.normalize) for phase in ("deploy", "train", "val"))
    prepare(place, deploy, train, val, size)
    reason = export(place, Deployment.of(data))
    return dict.fromkeys(("onnxruntime", "openvino", "openvino-bf16"), reason) if reason else {}


def device_title(gpu: int) -> str:
    """The device, as it calls itself.

    Raises   ValueError for a GPU that cannot be used
    """
    device.choose(gpu)
    return device.describe()


def field() -> tuple[dict[str, Entrant], dict[str, str]]:
    """Everybody who may take part, by name; and why there is no real Caffe, if there is none."""
    entrants = {name: Entrant(name, environment=settings(name)) for names in JOBS.values() for name in names}
    absent: dict[str, str] = {}
    if not BFLOAT16 & set(hardware.instructions()):
        absent = dict.fromkeys(("ours-bf16", "openvino-bf16"), "this processor does not multiply bfloat16")
    try:
        python = real_caffe.interpreter()
    except real_caffe.NoCaffe as reason:
        return entrants, {**absent, "caffe": str(reason)}
    environment = {k: v for k, v in real_caffe.ENVIRONMENT.items() if k != "OPENBLAS_NUM_THREADS"}
    entrants["caffe"] = Entrant("caffe", python, {**environment, "ENGINE": "bvlc"})
    return entrants, absent


def field_on_gpu(gpu: int) -> tuple[dict[str, Entrant], dict[str, str]]:
    """The same on a GPU."""
    there = {"BENCH_GPU": str(gpu)}
    names = {name for names in ON_GPU.values() for name in names}
    entrants = {name: Entrant(name, environment={**settings(name), **there}) for name in names}
    python = os.environ.get("CAFFE_PYTHON")
    if not python:
        return entrants, {"caffe": "CAFFE_PYTHON names no Python with a Caffe that computes on a GPU"}
    entrants["caffe"] = Entrant("caffe", python, {**there, "ENGINE": "bvlc"})
    return entrants, {}


def settings(name: str) -> Mapping[str, str]:
    """The environment of a contender on our engine; others do not look at it."""
    precision = name.split("-")[1] if name.endswith(("-tf32", "-bf16")) else "f32"
    return {"ENGINE": "torch", "PLAIN": str(int(name == "ours-plain")), "PRECISION": precision}


def startup(entrant: Entrant, place: Place, rounds: int) -> list[float]:
    """Seconds from nothing to the first scores, without weights: Python, imports, the net, a forward."""
    ready = [race("startup", [entrant], place.path, 0, THREADS)[0][entrant.name].ready for _ in range(rounds + 1)]
    return ready[1:]


def compare(place: Place, forward: Mapping[str, Result]) -> tuple[dict[str, float], dict[str, float]]:
    """How far each contender's scores are from the reference's, in parts of the largest, and how many labels are alike.

    The reference is real Caffe, or our plain path where there is none.
    """
    reference = next((name for name in ("caffe", "ours-plain") if name in forward), None)
    if reference is None:
        return {}, {}
    expected = np.load(str(place.scores(reference)))
    scale, labels = abs(expected).max(), expected.argmax(1)
    scores = {name: np.load(str(place.scores(name))) for name in forward}
    return (
        {name: float(abs(found - expected).max() / scale) for name, found in scores.items()},
        {name: float((found.argmax(1) == labels).mean()) for name, found in scores.items()},
    )


def check(differences: Mapping[str, float]) -> None:
    """Refuse to call the same what is not."""
    far = {n: d for n, d in differences.items() if n in ("ours", "ours-plain") and not d <= TOLERANCE}
    if far:
        raise ValueError(f"scores differ by more than {TOLERANCE:g} of the largest: {far}")


def conditions(name: str, size: Sequence[int], rounds: int, where: str) -> dict[str, Any]:
    """Where and what was measured."""
    return {
        "net": name,
        "size": list(size),
        "rounds": rounds,
        "threads": THREADS,
        "device": where,
        "cores": hardware.cores(),
        "cpu": hardware.processor(),
        "vectors": hardware.instructions(),
        "python": platform.python_version(),
        "OPENBLAS_CORETYPE": os.environ.get("OPENBLAS_CORETYPE"),
    }


def medians(results: Mapping[str, Result]) -> dict[str, float]:
    """Seconds by contender."""
    return {name: result.median for name, result in results.items()}


def told(report: Mapping[str, Any], results: Mapping[str, Mapping[str, Result]], place: Place) -> Iterator[str]:
    """The lines of the report."""
    height, width = report["size"]
    yield f"{report['net']} at {height} x {width}, {report['rounds']} rounds"
    vectors = ", ".join(report["vectors"]) or "nothing known of it"
    yield f"{report['cpu']} ({vectors}), {report['threads']} threads; {report['device']}"
    if report["OPENBLAS_CORETYPE"]:
        yield f"OPENBLAS_CORETYPE is {report['OPENBLAS_CORETYPE']}: it picks the kernels of real Caffe's OpenBLAS"
    for job in (job for job in TITLES if job in results):
        other = f"x {REFERENCES.get(reference(results[job]), '')}"
        yield f"\n{TITLES[job]:16}{'median s':>9}{'lowest':>9}{'highest':>9}{other:>9}{'spread':>14}{'peak GB':>9}"
        yield from rows(results[job])
    weights = place.weights.stat().st_size
    loading = results.get("load", {}).get("ours")
    if loading:
        yield f"\nmemory to hold and load {weights / GB:.2f} GB of weights: {_extra(loading) / weights:.2f} times that"
    for name, data in results["data"].items():
        share = statistics.median(map(_share, data.values, data.seconds))
        yield f"data layer, {name}: {100 * share:.2f} % of a training step, which takes {data.median:.3f} s with it"
    for name, score in results["score"].items():
        longer = statistics.median(map(_more, score.values, score.seconds))
        yield f"scoring, {name}: {longer:.3f} times as long as the net alone"
    yield f"start-up to the first scores: {statistics.median(report['startup_seconds']):.2f} s"
    for name, difference in report["differences"].items():
        alike = f"{100 * report['agreements'][name]:.3f} % of labels alike"
        yield f"scores of {name}: {difference:.1e} from the reference's, in parts of the largest; {alike}"
    for name, reason in report["absent"].items():
        yield f"not measured: {name}: {reason}"


def reference(results: Mapping[str, Result]) -> str:
    """Whom the others are as many times as fast as; nobody where neither is there."""
    return next((name for name in REFERENCES if name in results), "")


def rows(results: Mapping[str, Result]) -> Iterator[str]:
    """A line per contender."""
    for name, result in results.items():
        seconds = f"{result.median:9.4f}{min(result.seconds):9.4f}{max(result.seconds):9.4f}"
        against = ""
        other = reference(results)
        if other:
            middle, low, high = result.times_as_fast(results[other])
            against = f"{middle:9.2f}{f'{low:.2f}-{high:.2f}':>14}"
        held = f"{result.bytes / GB:9.2f}" if result.bytes else f"{'untold':>9}"
        yield f"  {name:14}{seconds}{against or ' ' * 23}{held}"


def _extra(result: Result) -> int:
    return result.bytes - result.bytes_before


def _share(part: float, whole: float) -> float:
    return part / whole


def _more(alone: float, whole: float) -> float:
    """`whole` has the net alone in it, for it was timed after the scoring."""
    return (whole - alone) / alone


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small net")
    parser.add_argument("--rounds", type=program.positive, metavar="N", help=f"{ROUNDS}, on a GPU {ROUNDS_ON_GPU}")
    parser.add_argument("--gpu", type=int, metavar="N", help="a GPU by number; else the CPU")
    sys.exit(program.run(main, parser.parse_args()))
