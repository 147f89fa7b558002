"""Run scenarios in real Caffe.

    python -m tests.oracle.child            (by the interpreter that real_caffe found; see oracle.py)

A failed CHECK ends a process, so this one imports Caffe once and forks a worker, which runs one scenario after another
until Caffe kills it; then the next worker is forked.

Reads    lines of JSON from stdin: scenario (a function's name in scenarios.py), arguments (its keywords),
         arrays (an .npz file, or null), folder (where it runs), alone (whether in a worker of its own)
Writes   a line that says which Caffe this is, then
         one line of JSON per request to stdout, in order: status (done, raised, aborted, timed out) and message;
         the arrays that a scenario returned to <folder>/result.npz
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import caffe
import numpy as np

from tests.oracle import scenarios

SECONDS = 120  # no scenario takes longer


def main() -> None:
    """Answer until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what Caffe prints must not get between the answers
    answers.write(introduction() + "\n")
    answers.flush()
    worker = None
    for line in sys.stdin:
        request = json.loads(line)
        if request["alone"]:
            worker = None  # before the next is forked, which would hold on to its pipes
        if worker is None:
            worker = Worker()
        status = worker.run(line)
        if status is None:
            status = worker.cause_of_death()
            worker = None
        with open(said_in(request), errors="replace") as file:
            message = file.read().strip()
        answers.write(json.dumps({"status": status, "message": message}) + "\n")
        answers.flush()


def introduction() -> str:
    """Which Caffe this is."""
    wheels = [path.stem for path in Path(caffe.__file__).parents[1].glob("kendryte_caffe-*.dist-info")]
    name = wheels[0].replace("_caffe-", "-caffe ") if wheels else f"caffe {caffe.__version__}"
    return f"{name}, Python {sys.version.split()[0]}"


class Worker:
    """A forked process."""

    def __init__(self) -> None:
        requests, self._requests = os.pipe()
        self._answers, answers = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            os.close(self._requests)
            work(os.fdopen(requests), answers)
            os._exit(0)
        os.close(requests)
        os.close(answers)

    def run(self, line: str) -> str | None:
        """How the scenario ended: done or raised; None if the worker did not live to tell."""
        os.write(self._requests, line.encode())
        return os.read(self._answers, 100).decode() or None

    def cause_of_death(self) -> str:
        """Aborted, or timed out."""
        process, self._process = self._process, 0
        _, status = os.waitpid(process, 0)
        return "timed out" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM else "aborted"

    def __del__(self) -> None:
        os.close(self._requests)  # ends the worker if it lives
        os.close(self._answers)
        if self._process:
            os.waitpid(self._process, 0)


def work(requests: Any, answers: int) -> None:
    """The worker's loop."""
    for line in requests:
        request = json.loads(line)
        errors = os.open(said_in(request), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(errors, 2)
        os.dup2(errors, 1)
        os.close(errors)
        signal.alarm(SECONDS)
        os.write(answers, run(request).encode())
        signal.alarm(0)


def run(request: dict[str, Any]) -> str:
    """Run one scenario in its folder and leave its arrays there."""
    try:
        arrays = dict(np.load(request["arrays"])) if request["arrays"] else {}
        os.chdir(request["folder"])
        result = getattr(scenarios, request["scenario"])(caffe, arrays, **request["arguments"])
        np.savez("result.npz", **result)
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent must hear of it
        os.write(2, f"{type(error).__name__}: {error}".encode())
        return "raised"
    return "done"


def said_in(request: dict[str, Any]) -> str:
    """The file that holds what a scenario wrote to stderr."""
    return os.path.join(request["folder"], "stderr.txt")


if __name__ == "__main__":
    main()
