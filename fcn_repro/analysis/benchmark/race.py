"""Lets contenders take turns at a job, so that what disturbs the machine disturbs all of them alike."""

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

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Entrant:
    """A contender by name, the Python that runs it, and what it finds in its environment."""

    name: str
    python: str = sys.executable
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Result:
    """What an entrant took in each round of a job."""

    seconds: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    bytes: int = 0  # the most it ever had
    bytes_before: int = 0
    ready: float = 0.0  # from its start to its first answer

    @property
    def median(self) -> float:
        """Seconds of a run."""
        return statistics.median(self.seconds)

    def times_as_fast(self, other: Result) -> tuple[float, float, float]:
        """How many times as fast this was as another: the median over the rounds, the lowest and the highest."""
        ratios = [theirs / ours for ours, theirs in zip(self.seconds, other.seconds)]
        return statistics.median(ratios), min(ratios), max(ratios)


class Dropped(Exception):
    """An entrant ended before its time; the message is the last line that it printed, or which signal ended it."""


class _Child:
    def __init__(self, entrant: Entrant, job: str, folder: Path, threads: int) -> None:
        limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        self.result = Result()
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - as long-lived as the process
        began = time.perf_counter()
        self._process = subprocess.Popen(
            [entrant.python, "-m", "fcn_repro.analysis.benchmark.backend_process", entrant.name, job, str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True, cwd=str(ROOT),
            env={**os.environ, **limits, **entrant.environment},
        )  # fmt: skip
        self._listen()
        self.result.ready = time.perf_counter() - began

    def run(self, counts: bool) -> None:
        """Have the job done once more, and note what it took if it counts."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Dropped(self.close()) from None
        facts = self._listen()
        if counts:
            self.result.seconds.append(facts["seconds"])
        if counts and "value" in facts:
            self.result.values.append(facts["value"])

    def close(self) -> str:
        """End it; what is known of its troubles."""
        with self._errors, self._process:
            with contextlib.suppress(BrokenPipeError):  # it ended by itself
                self._process.communicate()
            code = self._process.wait()
            self._errors.seek(0)
            last = (self._errors.read().strip().splitlines() or ["it said nothing"])[-1]
        if code < 0:
            last = f"ended by {signal.Signals(-code).name}" + ", as where memory runs out" * (-code == signal.SIGKILL)
        return last

    def _listen(self) -> Mapping[str, float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Dropped(self.close())
        facts = json.loads(line)
        self.result.bytes, self.result.bytes_before = facts["bytes"], facts["bytes_before"]
        return facts


def race(
    job: str, entrants: Sequence[Entrant], folder: Path, rounds: int, threads: int = 2, warm_up: int = 0
) -> tuple[dict[str, Result], dict[str, str]]:
    """Each entrant's times over some rounds; and why others dropped out. A first round and `warm_up` do not count."""
    children: dict[str, _Child] = {}
    dropped: dict[str, str] = {}
    for entrant in entrants:
        try:
            children[entrant.name] = _Child(entrant, job, folder, threads)
        except Dropped as reason:
            dropped[entrant.name] = str(reason)
    for number in range(-warm_up, rounds):
        for name, child in list(children.items()):
            try:
                child.run(counts=number >= 0)
            except Dropped as reason:
                dropped[name] = str(reason)
                del children[name]
    for child in children.values():
        child.close()
    return {name: child.result for name, child in children.items()}, dropped
