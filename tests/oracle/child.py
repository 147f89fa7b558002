"""Run scenarios in real Caffe: the child process of oracle.py.

    python -m tests.oracle.child            (with the interpreter that real_caffe.interpreter() finds)

A failed CHECK ends a process, so this process imports Caffe once and forks a process for every scenario.

Reads    lines of JSON from stdin: scenario (a function of scenarios.py), arguments (its keywords),
         arrays (an .npz file, or null), folder (the working directory)
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
DONE, RAISED = 0, 3  # exit statuses of a scenario's process


def main() -> None:
    """Answer until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # keep Caffe's output away from the answers
    answers.write(describe_caffe() + "\n")
    answers.flush()
    for line in sys.stdin:
        request = json.loads(line)
        stderr = os.path.join(request["folder"], "stderr.txt")
        process = os.fork()
        if process == 0:
            os._exit(run(request, stderr))
        status = describe_status(os.waitpid(process, 0)[1])
        with open(stderr, errors="replace") as file:
            message = file.read().strip()
        answers.write(json.dumps({"status": status, "message": message}) + "\n")
        answers.flush()


def describe_caffe() -> str:
    """The name and version of this Caffe, and the Python version."""
    wheels = [path.stem for path in Path(caffe.__file__).parents[1].glob("kendryte_caffe-*.dist-info")]
    name = wheels[0].replace("_caffe-", "-caffe ") if wheels else f"caffe {caffe.__version__}"
    return f"{name}, Python {sys.version.split()[0]}"


def describe_status(status: int) -> str:
    """A scenario's end by the wait status of its process."""
    if os.WIFEXITED(status):
        return {DONE: "done", RAISED: "raised"}.get(os.WEXITSTATUS(status), "aborted")
    return "timed out" if os.WTERMSIG(status) == signal.SIGALRM else "aborted"


def run(request: dict[str, Any], stderr: str) -> int:
    """Run one scenario in its folder and save its arrays there; returns an exit status."""
    output = os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    signal.alarm(SECONDS)
    try:
        arrays = dict(np.load(request["arrays"])) if request["arrays"] else {}
        os.chdir(request["folder"])
        result = getattr(scenarios, request["scenario"])(caffe, arrays, **request["arguments"])
        np.savez("result.npz", **result)
    except Exception as error:  # noqa: BLE001 - the parent reports every error
        os.write(2, f"{type(error).__name__}: {error}".encode())
        return RAISED
    return DONE


if __name__ == "__main__":
    main()
