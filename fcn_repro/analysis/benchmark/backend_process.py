"""The process of a backend.

    python -m fcn_repro.analysis.benchmark.backend_process BACKEND JOB FOLDER

Prepares the job, runs it once and answers with a line of JSON; then runs it again for every line on stdin.

Answers   `seconds` of the job; `value`, seconds that the job measures itself; `bytes`, peak memory of the process, on a
          GPU of the GPU; `bytes_before`, memory of the process after its imports
Writes    the scores of the job `forward` to FOLDER/BACKEND.npy
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Callable

import numpy as np

from fcn_repro.analysis.benchmark.backends import BACKENDS, Backend
from fcn_repro.analysis.benchmark.files import BenchmarkFiles
from fcn_repro.system import memory


def main(name: str, job: str, folder: str) -> None:
    """Answer until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print to stdout too; answers must stay apart
    files = BenchmarkFiles(Path(folder))
    backend = BACKENDS[name](files)
    bytes_before = int(memory.resident_bytes())
    run = getattr(backend, job)()
    result = _answer(answers, backend, run, bytes_before)
    if job == "forward":
        np.save(str(files.scores(name)), result)
    for _ in sys.stdin:
        _answer(answers, backend, run, bytes_before)


def _answer(answers: Any, backend: Backend, run: Callable[[], Any], bytes_before: int) -> Any:
    start = time.perf_counter()
    value = run()
    backend.wait()
    answer = {"seconds": time.perf_counter() - start, "bytes": backend.peak_bytes(), "bytes_before": bytes_before}
    if isinstance(value, float):
        answer["value"] = value
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
    return value


if __name__ == "__main__":
    main(*sys.argv[1:])
