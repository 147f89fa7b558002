"""A contender's process.

    python -m fcn_repro.analysis.benchmark.backend_process CONTENDER JOB FOLDER

It makes ready, does the job once, and answers with a line of JSON; then once for every line on stdin, until that ends.

Answers   seconds of the job; `value`, the seconds that a job tells of by itself; `bytes`, the most memory that it ever
          had, on a GPU the GPU's; and `bytes_before`, what the process had when Python and its libraries were up
Writes    the scores of the job `forward`, to FOLDER/CONTENDER.npy
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Callable

import numpy as np

from fcn_repro.analysis.benchmark.backends import CONTENDERS, Contender
from fcn_repro.analysis.benchmark.place import Place
from fcn_repro.system import memory


def main(name: str, job: str, folder: str) -> None:
    """Answer until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not get between the answers
    place = Place(Path(folder))
    contender = CONTENDERS[name](place)
    before = int(memory.resident_bytes())
    run = getattr(contender, job)()
    computed = _answer(answers, contender, run, before)
    if job == "forward":
        np.save(str(place.scores(name)), computed)
    for _ in sys.stdin:
        _answer(answers, contender, run, before)


def _answer(answers: Any, contender: Contender, run: Callable[[], Any], before: int) -> Any:
    began = time.perf_counter()
    value = run()
    contender.wait()
    facts = {"seconds": time.perf_counter() - began, "bytes": contender.peak(), "bytes_before": before}
    if isinstance(value, float):
        facts["value"] = value
    answers.write(json.dumps(facts) + "\n")
    answers.flush()
    return value


if __name__ == "__main__":
    main(*sys.argv[1:])
