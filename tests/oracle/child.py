"""Run scenarios in real Caffe: the child process of oracle.py.

    python -m tests.oracle.child            (with the interpreter that tools/real_caffe.py finds)

A failed CHECK ends a process. This process therefore imports Caffe once and forks a worker, which runs one scenario
after another until Caffe ends it; then this process forks the next worker.

Reads    lines of JSON from stdin: scenario (a function of scenarios.py), arguments (its keywords),
         arrays (an .npz file, or null), folder (the working directory), new_process (whether to fork a worker first)
Writes   a line that names this Caffe, then
         one line of JSON per request to stdout, in order: status (done, raised, aborted, timed out) and message;
         the scenario's arrays to <folder>/result.npz
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

SECONDS = 120  # the time limit of a scenario


def main() -> None:
    """Answer until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # keep Caffe's output away from the answers
    answers.write(describe_caffe() + "\n")
    answers.flush()
    worker = None
    for line in sys.stdin:
        request = json.loads(line)
        if request["new_process"]:
            worker = None  # end the old worker first: the next one would inherit its pipes
        if worker is None:
            worker = Worker()
        status = worker.run(line)
        if status is None:
            status = worker.find_cause_of_death()
            worker = None
        with open(stderr_file(request), errors="replace") as file:
            message = file.read().strip()
        answers.write(json.dumps({"status": status, "message": message}) + "\n")
        answers.flush()


def describe_caffe() -> str:
    """The name and version of this Caffe, and the Python version."""
    wheels = [path.stem for path in Path(caffe.__file__).parents[1].glob("kendryte_caffe-*.dist-info")]
    name = wheels[0].replace("_caffe-", "-caffe ") if wheels else f"caffe {caffe.__version__}"
    return f"{name}, Python {sys.version.split()[0]}"


class Worker:
    """A forked process that runs scenarios."""

    def __init__(self) -> None:
        requests, self._requests = os.pipe()
        self._answers, answers = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            os.close(self._requests)
            serve(os.fdopen(requests), answers)
            os._exit(0)
        os.close(requests)
        os.close(answers)

    def run(self, line: str) -> str | None:
        """Run a request: "done", "raised", or None if the worker died."""
        os.write(self._requests, line.encode())
        return os.read(self._answers, 100).decode() or None

    def find_cause_of_death(self) -> str:
        """Why the worker died: "aborted" or "timed out"."""
        process, self._process = self._process, 0
        _, status = os.waitpid(process, 0)
        return "timed out" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM else "aborted"

    def __del__(self) -> None:
        os.close(self._requests)  # ends a live worker
        os.close(self._answers)
        if self._process:
            os.waitpid(self._process, 0)


def serve(requests: Any, answers: int) -> None:
    """Run the worker's loop."""
    for line in requests:
        request = json.loads(line)
        errors = os.open(stderr_file(request), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(errors, 2)
        os.dup2(errors, 1)
        os.close(errors)
        signal.alarm(SECONDS)
        os.write(answers, run(request).encode())
        signal.alarm(0)


def run(request: dict[str, Any]) -> str:
    """Run one scenario in its folder and save its arrays there."""
    try:
        arrays = dict(np.load(request["arrays"])) if request["arrays"] else {}
        os.chdir(request["folder"])
        result = getattr(scenarios, request["scenario"])(caffe, arrays, **request["arguments"])
        np.savez("result.npz", **result)
    except Exception as error:  # noqa: BLE001 - the parent reports every error
        os.write(2, f"{type(error).__name__}: {error}".encode())
        return "raised"
    return "done"


def stderr_file(request: dict[str, Any]) -> str:
    """The file that receives a scenario's stderr."""
    return os.path.join(request["folder"], "stderr.txt")


if __name__ == "__main__":
    main()
