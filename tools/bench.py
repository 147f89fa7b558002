"""Measure the engine beside other libraries that run the same net, all in one run on this machine.

    python -m tools.bench            FCN-8s on VGG-16 at 500 x 500, 12 to 17 minutes
    python -m tools.bench --quick    the mini experiment's FCN-8s, in one or two minutes
    python -m tools.bench --gpu 0    the same nets on a GPU, with the GPU's peak memory
    python -m tools.bench --shared   a training step of the quick net alone, and beside one and two busy processes

Backends   ours, and its plain path (PLAIN=1); real Caffe, as tools.real_caffe finds it; ONNX Runtime and OpenVINO
           (pip install '.[bench]'); the net as a plain PyTorch module; and, beside a training step, only the net's
           convolutions. Each is a process with two threads; they take turns. Backends that are missing or fail are
           listed. Those of a training step need 17 GB together. On a GPU: ours, plain PyTorch, and the Caffe of
           CAFFE_PYTHON.
Writes     build/bench/<net>/, build/bench.json, and build/bench.svg, .png and .pdf (bench-quick, bench-gpu,
           bench-quick-gpu); with --shared build/bench-shared.json, the seconds of each step
Exit       0 measured · 1 outputs differ from Caffe's, or another fault · 2 bad arguments
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Mapping

from fcn_repro.analysis.benchmark.comparison import (
    ROUNDS,
    ROUNDS_ON_GPU,
    chart_timings,
    check_scores,
    format_report,
    run_benchmark,
)
from fcn_repro.analysis.benchmark.files import BenchmarkFiles
from fcn_repro.analysis.benchmark.shared_machine import ROUNDS as SHARED_ROUNDS
from fcn_repro.analysis.benchmark.shared_machine import format_steps, measure_steps
from fcn_repro.drawing.chart import draw_bar_charts, save_figure
from fcn_repro.paths import BUILD
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.system.hardware import read_processor_name
from solvers.benchmark_nets import write_nets
from tools import program

NETS = {False: ("voc-fcn8s", (500, 500)), True: ("mini-fcn8s", (160, 160))}  # quick: experiment, size


def main(options: argparse.Namespace) -> None:
    name, size = NETS[options.quick or options.shared]
    gpu = None if options.gpu is None or options.gpu < 0 else options.gpu
    files = BenchmarkFiles((BUILD / "bench" / name).resolve())
    with ProcessPoolExecutor(1, get_context("spawn")) as process:  # its end frees its memory for the backends
        device, absent = process.submit(write_nets, files, name, size, -1 if gpu is None else gpu).result()
    if options.shared:
        steps = measure_steps(files.path, options.rounds or SHARED_ROUNDS)
        _write_report(
            BUILD / "bench-shared.json", {"net": name, "size": size, "cpu": read_processor_name(), "steps": steps}
        )
        print(format_steps(steps, options.format))
        return
    facts = {"net": name, "size": list(size), "device": device}
    report, timings = run_benchmark(files, facts, gpu, options.rounds, absent)
    out = BUILD / f"bench{'-quick' * options.quick}{'-gpu' * (gpu is not None)}.json"
    _write_report(out, report)
    charts = save_figure(draw_bar_charts(chart_timings(timings)), out)
    for line in format_report(report, timings, options.format):
        print(line)
    print()
    print(out, *charts)
    check_scores(report["differences"])


def _write_report(path: Path, report: Mapping[str, Any]) -> None:
    with atomic_write(path) as file:
        json.dump(report, file, indent=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small net")
    parser.add_argument("--rounds", type=program.positive, metavar="N", help=f"{ROUNDS}, on a GPU {ROUNDS_ON_GPU}")
    parser.add_argument("--shared", action="store_true", help="a step beside busy processes")
    parser.add_argument("--gpu", type=int, metavar="N", help="a GPU by number; default: the CPU")
    program.add_format(parser)
    sys.exit(program.run(main, parser.parse_args()))
