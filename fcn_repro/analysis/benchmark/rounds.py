"""Run a job on several backends in turns, so that a disturbance of the machine affects all of them alike."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping, Sequence

ROOT = Path(__file__).resolve().parents[3]
MODULE = "fcn_repro.analysis.benchmark.backend_process"


@dataclass(frozen=True)
class Participant:
    """A backend by name, the Python that runs it, and its environment variables."""

    name: str
    python: str = sys.executable
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Timing:
    """Measurements of a backend in the rounds of a job.

    seconds, values       of each round: of the job, and what it measures itself
    bytes, bytes_before   peak memory, and memory before the job; 0 if unknown
    ready                 seconds from the start of the process to its first answer
    """

    seconds: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    bytes: int = 0
    bytes_before: int = 0
    ready: float = 0.0

    @property
    def median(self) -> float:
        """Median seconds of a round."""
        return statistics.median(self.seconds)

    def speedup(self, other: Timing) -> tuple[float, float, float]:
        """Return the speedup over another backend, round by round: median, lowest and highest."""
        ratios = [theirs / ours for ours, theirs in zip(self.seconds, other.seconds)]
        return statistics.median(ratios), min(ratios), max(ratios)


class BackendFailed(Exception):
    """A backend ended early; the message is its last line on stderr, or the signal that ended it."""


class BackendProcess:
    """A backend that has prepared a job and run it once, in a process of its own."""

    def __init__(self, participant: Participant, job: str, folder: Path, threads: int) -> None:
        limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        self.timing = Timing()
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - as long-lived as the process
        start = time.perf_counter()
        self._process = subprocess.Popen(
            [participant.python, "-m", MODULE, participant.name, job, str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True, cwd=str(ROOT),
            env={**os.environ, **limits, **participant.environment},
        )  # fmt: skip
        self._receive()
        self.timing.ready = time.perf_counter() - start

    def run(self, counts: bool) -> None:
        """Run the job once more, and record its time if it counts."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise BackendFailed(self.close()) from None
        answer = self._receive()
        if counts:
            self.timing.seconds.append(answer["seconds"])
            self.timing.values += [answer["value"]] if "value" in answer else []

    def close(self) -> str:
        """End the process; returns a description of its error."""
        with self._errors, self._process:
            with contextlib.suppress(BrokenPipeError):  # it has ended already
                self._process.communicate()
            code = self._process.wait()
            self._errors.seek(0)
            last = (self._errors.read().strip().splitlines() or ["no message"])[-1]
        if code < 0:
            last = f"ended by {signal.Signals(-code).name}" + ", as when memory runs out" * (-code == signal.SIGKILL)
        return last

    def _receive(self) -> Mapping[str, float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BackendFailed(self.close())
        answer = json.loads(line)
        self.timing.bytes, self.timing.bytes_before = answer["bytes"], answer["bytes_before"]
        return answer


def run_rounds(
    job: str, participants: Sequence[Participant], folder: Path, rounds: int, threads: int = 2, warm_up: int = 0
) -> tuple[dict[str, Timing], dict[str, str]]:
    """Measure a job in rounds; returns the timings by name, and the errors of backends that failed.

    The first run of each backend and `warm_up` rounds do not count.
    """
    children: dict[str, BackendProcess] = {}
    failed: dict[str, str] = {}
    for participant in participants:
        try:
            children[participant.name] = BackendProcess(participant, job, folder, threads)
        except BackendFailed as error:
            failed[participant.name] = str(error)
    for number in range(-warm_up, rounds):
        for name, child in list(children.items()):
            try:
                child.run(counts=number >= 0)
            except BackendFailed as error:
                failed[name] = str(error)
                del children[name]
    for child in children.values():
        child.close()
    return {name: child.timing for name, child in children.items()}, failed
