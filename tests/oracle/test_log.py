"""The log of training is Caffe's: the same lines, from the same files, in the same order."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.fixtures.pycaffe_scripts import NUMBER, OURS, SCRIPTS, Interpreter

LINE = re.compile(r"([IWEF])(?:\d{4})?\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ (\S+):\d+\] (.*)")  # new glog writes the year
TIMES = re.compile(r"\([^ ]+ iter/s, [^ ]+s/")  # measured, so they differ
RUNS = {"solver": ["solver"], "resumed": ["resumed", "snap_iter_3.solverstate"]}
ALL = {"GLOG_minloglevel": "0"}


def log_of(interpreter: Interpreter, folder: Path, arguments: list[str]) -> list[str]:
    """Train in a folder; returns its log by lines, each with severity, Caffe's file, and message."""
    shutil.copytree(SCRIPTS / "log", folder, dirs_exist_ok=True)
    loud = Interpreter(interpreter.command, {**interpreter.environment, **ALL})
    done = loud.run(folder, "train.py", *arguments)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("WARNING: Logging before")]
    return [TIMES.sub("(", LINE.sub(r"\1 \2] \3", line)).replace(str(folder), "") for line in lines]


@pytest.fixture(scope="module")
def logs(theirs: Interpreter, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[list[str], list[str]]]:
    """The logs of a whole run and of a resumed one: ours and Caffe's."""
    folders = [(engine, tmp_path_factory.mktemp("run")) for engine in (OURS, theirs)]
    pairs = {name: [log_of(engine, folder, words) for engine, folder in folders] for name, words in RUNS.items()}
    return {name: (ours, caffes) for name, (ours, caffes) in pairs.items()}


@pytest.mark.parametrize("run", RUNS)
def test_the_lines_of_a_run_are_caffes(logs, run: str) -> None:
    ours, caffes = logs[run]
    assert [NUMBER.sub("#", line) for line in ours] == [NUMBER.sub("#", line) for line in caffes]
    assert any("Solving logged" in line for line in ours)


@pytest.mark.parametrize("run", RUNS)
def test_the_numbers_of_a_run_are_caffes(logs, run: str) -> None:
    ours, caffes = ([float(number) for number in NUMBER.findall("\n".join(log))] for log in logs[run])
    np.testing.assert_allclose(ours, caffes, rtol=2e-5, atol=1e-6)  # printed with six digits
