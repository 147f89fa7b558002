"""Ask real Caffe: send a scenario to the child process, get its arrays back."""

from __future__ import annotations

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
from tests.oracle import scenarios
from tools import real_caffe

AHEAD = 16  # requests the child has at hand while the engine works on an earlier one

Arrays = dict[str, np.ndarray]


class Refused(Exception):
    """Caffe aborted (a failed CHECK) or raised; the message is Caffe's."""


@dataclass(frozen=True)
class Case:
    """A scenario to run in both engines: a function of scenarios.py, its arguments, and the arrays it works on."""

    scenario: str
    arguments: dict[str, Any]
    arrays: Arrays = field(default_factory=dict)
    alone: bool = False  # where state of the whole process matters: the C library's rand()


class Oracle:
    """Real Caffe in a child process that imports it once and forks for every case."""

    def __init__(self, python: str, folder: Path) -> None:
        self._folder = folder
        self._child = subprocess.Popen(
            [python, "-m", "tests.oracle.child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=real_caffe.ROOT,
            env={**os.environ, **real_caffe.ENVIRONMENT},
        )  # fmt: skip
        assert self._child.stdout is not None
        self.name = self._child.stdout.readline().strip()  # the child introduces itself

    def close(self) -> None:
        """End the child."""
        with self._child:
            assert self._child.stdin is not None
            self._child.stdin.close()

    def run(self, case: Case) -> Arrays:
        """What real Caffe returns.

        Raises   Refused
        """
        (result,) = self.run_all([case])
        if isinstance(result, Refused):
            raise result
        return result

    def run_all(self, cases: Iterable[Case]) -> Iterator[Arrays | Refused]:
        """The results in order; the child works ahead while the caller looks at one."""
        waiting: deque[Path] = deque()
        try:
            for case in cases:
                if len(waiting) == AHEAD:
                    yield self._receive(waiting.popleft())
                waiting.append(self._send(case))
            while waiting:
                yield self._receive(waiting.popleft())
        finally:  # a caller that stops early leaves answers that nobody else must take for his
            while waiting:
                self._receive(waiting.popleft())

    def _send(self, case: Case) -> Path:
        assert self._child.stdin is not None
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        arrays = None
        if case.arrays:
            arrays = str(folder / "arrays.npz")
            np.savez(arrays, **case.arrays)
        request = {
            "scenario": case.scenario, "arguments": case.arguments, "arrays": arrays, "folder": str(folder),
            "alone": case.alone,
        }  # fmt: skip
        self._child.stdin.write(json.dumps(request) + "\n")
        self._child.stdin.flush()
        return folder

    def _receive(self, folder: Path) -> Arrays | Refused:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
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
    """The same scenario in this project's engine, in a folder of its own."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            return getattr(scenarios, case.scenario)(engine, case.arrays, **case.arguments)
        finally:
            os.chdir(before)
