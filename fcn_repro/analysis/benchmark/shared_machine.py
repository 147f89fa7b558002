"""A training step alone and beside busy processes, by the way in which threads wait."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Mapping, Sequence

from fcn_repro.analysis.benchmark.comparison import THREADS
from fcn_repro.analysis.benchmark.rounds import BackendProcess, Participant
from fcn_repro.system.progress import Progress
from fcn_repro.system.text_table import format_table

LOADS = (0, 1, 2)  # busy processes beside the step
ROUNDS = 5
SETTLE, SECONDS = 1.0, 2.0  # seconds of steps that do not count, and that count, in a round
WAITING = {  # how threads wait, and the environment that makes them
    "by load": {},
    "spinning": {"GOMP_SPINCOUNT": "300000"},  # libgomp's default; an active policy spins on between the rounds
    "sleeping": {"OMP_WAIT_POLICY": "passive"},
}
Steps = Mapping[str, Mapping[int, Sequence[float]]]


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Keep `count` processes busy, with one thread each, inside the block."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def measure_steps(folder: Path, rounds: int = ROUNDS, seconds: float = SECONDS) -> Steps:
    """Measure training steps of the net in `folder`; returns the seconds of steps by way of waiting and by load."""
    processes = {
        name: BackendProcess(Participant("ours", environment=environment), "step", folder, THREADS)
        for name, environment in WAITING.items()
    }
    steps: dict[str, dict[int, list[float]]] = {name: {load: [] for load in LOADS} for name in WAITING}
    turns = [(load, name) for _ in range(rounds) for load in LOADS for name in WAITING]
    try:
        with Progress(len(turns), "measured", "rounds") as progress:
            for load, name in turns:
                with busy_processes(load):
                    _run_for(processes[name], SETTLE)
                    steps[name][load] += _run_for(processes[name], seconds)
                progress.advance()
    finally:
        for process in processes.values():
            process.close()
    return steps


def _run_for(process: BackendProcess, seconds: float) -> list[float]:
    """Run steps for so many seconds; returns the seconds of each."""
    first, end = len(process.timing.seconds), time.perf_counter() + seconds
    while time.perf_counter() < end:
        process.run(counts=True)
    return process.timing.seconds[first:]


def format_steps(steps: Steps, format: str = "text") -> str:
    """Format median milliseconds by load, and their ratios to those of the default alone."""
    alone = statistics.median(steps["by load"][0])
    rows = []
    for name, by_load in steps.items():
        medians = {load: statistics.median(seconds) for load, seconds in by_load.items()}
        cells = [cell for load in LOADS for cell in (f"{1e3 * medians[load]:.1f}", f"{medians[load] / alone:.2f}")]
        rows.append((name, *cells))
    headers = [cell for load in LOADS for cell in (f"beside {load}: ms" if load else "alone: ms", "ratio")]
    return format_table(rows, ("threads wait", *headers), format)
