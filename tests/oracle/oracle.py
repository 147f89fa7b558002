"""Run a scenario in real Caffe, in a child process, or in this project's engine; both return arrays."""

import json
import os
import shutil
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fcn_repro import caffe as engine
from fcn_repro.analysis.benchmark import real_caffe
from tests.oracle import scenarios

AHEAD = 16  # requests that the child may work on while the engine runs an earlier one

Arrays = dict[str, np.ndarray]


class Refused(Exception):
    """Caffe aborted (a failed CHECK) or raised. The message is Caffe's."""


@dataclass(frozen=True)
class Case:
    """A scenario for both engines: a function of scenarios.py, its arguments, and its input arrays."""

    scenario: str
    arguments: dict[str, Any]
    arrays: Arrays = field(default_factory=dict)


class Oracle:
    """Real Caffe in a child process (child.py) that imports it once and forks a process for every case."""

    def __init__(self, python: str, folder: Path) -> None:
        self._folder = folder
        self._child = subprocess.Popen(
            [python, "-m", "tests.oracle.child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
            env={**os.environ, **real_caffe.ENVIRONMENT},
        )  # fmt: skip
        assert self._child.stdin is not None and self._child.stdout is not None
        self._requests, self._answers = self._child.stdin, self._child.stdout
        self.name = self._answers.readline().strip()  # the child's first line

    def close(self) -> None:
        """End the child."""
        with self._child:
            self._requests.close()

    def run(self, case: Case) -> Arrays:
        """The arrays that real Caffe returns.

        Raises   Refused
        """
        (result,) = self.run_all([case])
        if isinstance(result, Refused):
            raise result
        return result

    def run_all(self, cases: Iterable[Case]) -> Iterator[Arrays | Refused]:
        """The results in order. The child works ahead while the caller handles one."""
        waiting: deque[Path] = deque()
        try:
            for case in cases:
                if len(waiting) == AHEAD:
                    yield self._receive(waiting.popleft())
                waiting.append(self._send(case))
            while waiting:
                yield self._receive(waiting.popleft())
        finally:  # a caller may stop early: consume the remaining answers
            while waiting:
                self._receive(waiting.popleft())

    def _send(self, case: Case) -> Path:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        request = {"scenario": case.scenario, "arguments": case.arguments, "arrays": None, "folder": str(folder)}
        if case.arrays:
            request["arrays"] = str(folder / "arrays.npz")
            np.savez(folder / "arrays.npz", **case.arrays)
        self._requests.write(json.dumps(request) + "\n")
        self._requests.flush()
        return folder

    def _receive(self, folder: Path) -> Arrays | Refused:
        line = self._answers.readline()
        if not line:
            raise RuntimeError("the child process that runs real Caffe has ended; see its messages above")
        answer = json.loads(line)
        try:
            if answer["status"] != "done":
                return Refused(f"{answer['status']}: {answer['message']}")
            with np.load(folder / "result.npz") as result:
                return dict(result)
        finally:
            shutil.rmtree(folder)


def run_ours(case: Case) -> Arrays:
    """Run the same scenario in this project's engine, in a temporary folder."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            return getattr(scenarios, case.scenario)(engine, case.arrays, **case.arguments)
        finally:
            os.chdir(before)
