"""The program itself, `python -m tools.solve`, killed while it starts, steps, snapshots and scores, ends the same."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import chdir
from pathlib import Path

import pytest

from fcn_repro.model.run_folder import RunFolder
from tests.fixtures.tiny_run import write_run
from tests.resume.forked import outcome
from tests.resume.test_kills import SEED

ROOT = Path(__file__).resolve().parents[2]
RUN = RunFolder("mini-vgg16")  # a row of the table that starts from nothing; its prototxts are a tiny run's
COMMAND = [sys.executable, "-m", "tools.solve", RUN.experiment, "--iterations", "60", "--gpu", "-1"]
CHAINS, LEAST_KILLS = 3, 8  # each


def start(root: Path) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with open(root / "said", "w") as said:
        return subprocess.Popen(COMMAND, cwd=root, stdout=said, stderr=said, env=environment)


def wait_until_it_steps(root: Path, process: subprocess.Popen) -> None:
    """Until its start is done, or it is."""
    while process.poll() is None and "base_lr" not in (root / "said").read_text():
        time.sleep(0.005)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    root = tmp_path_factory.mktemp("program") / "template"
    root.mkdir()
    with chdir(root):
        write_run(Path("."), experiment=RUN.experiment, snapshot=3)
    return root


@pytest.fixture(scope="module")
def whole(template, tmp_path_factory):
    """What a run leaves that was never stopped; the seconds before its first step, and from there to its end."""
    root = Path(shutil.copytree(template, tmp_path_factory.mktemp("program") / "whole"))
    began = time.monotonic()
    process = start(root)
    wait_until_it_steps(root, process)
    stepped = time.monotonic()
    assert process.wait() == 0, (root / "said").read_text()
    return outcome(root, RUN), stepped - began, time.monotonic() - stepped


@pytest.mark.parametrize("chain", range(CHAINS))
def test_a_program_killed_at_random_moments_again_and_again_ends_as_one_that_was_never_stopped(
    template, tmp_path, whole, chain
):
    print(f"SEED={SEED}")
    left, starting, stepping = whole
    moments = random.Random(SEED + 5000 + chain)
    root = Path(shutil.copytree(template, tmp_path / "run"))
    kills = finished = 0
    while not finished:
        process = start(root)
        if kills < LEAST_KILLS and moments.random() < 0.2:
            time.sleep(moments.uniform(0, starting))
        else:
            wait_until_it_steps(root, process)
            time.sleep(moments.uniform(0, stepping / 4 if kills < LEAST_KILLS else 2 * stepping))
        process.send_signal(signal.SIGKILL)
        status = process.wait()
        assert status in (0, -signal.SIGKILL), (root / "said").read_text()
        kills += status != 0
        finished = status == 0
        assert kills < 100
    print(f"killed {kills} times")
    assert outcome(root, RUN) == left
