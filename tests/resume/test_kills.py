"""Runs that are killed at every file operation and at random moments end as one that was never stopped."""

import itertools
import os
import random
import re
import signal
import time

import pytest

from tests.resume import forked

SEED = int(os.environ.get("SEED", time.time_ns() % 10**6))
CHAINS = int(os.environ.get("CHAINS", "8"))  # runs that are killed again and again


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return forked.lay_out(tmp_path_factory.mktemp("resume") / "template")


@pytest.fixture(scope="module")
def whole(template, tmp_path_factory):
    """What a run leaves that was never stopped, and how long it took."""
    root = forked.fresh_copy(template, tmp_path_factory.mktemp("resume") / "whole")
    began = time.monotonic()
    assert forked.run(root).status == 0
    return forked.outcome(root), time.monotonic() - began


@pytest.fixture
def root(template, tmp_path):
    return forked.fresh_copy(template, tmp_path / "run")


def test_two_runs_that_were_never_stopped_are_equal(root, whole):
    assert forked.run(root).status == 0
    assert forked.outcome(root) == whole[0]


@pytest.mark.parametrize("trouble", ["kill_at", "full_from"])
def test_a_kill_before_or_a_full_disk_at_any_file_operation_loses_nothing(template, tmp_path, whole, trouble):
    for operation in itertools.count(1):
        root = forked.fresh_copy(template, tmp_path / "run")
        first = forked.run(root, **{trouble: operation})
        if first.status == 0:
            break
        if trouble == "kill_at":
            assert first.status == -signal.SIGKILL, (operation, first)
        else:
            assert first.is_clean and first.status == 1, (operation, first)
            # filelock names its file by the whole path.
            assert re.search("No space left on device: '(/.*/)?build/tiny/", first.stderr), (operation, first)
        assert forked.run(root).status == 0, operation
        assert forked.outcome(root) == whole[0], f"{trouble} {operation}"
    print(f"{trouble} each of {operation - 1} file operations")
    assert operation > 50  # or the operations were not counted


@pytest.mark.parametrize("chain", range(CHAINS))
def test_a_run_killed_at_random_moments_again_and_again_ends_the_same(root, whole, chain):
    print(f"SEED={SEED}")
    moments = random.Random(SEED + chain)
    kills = 0
    while forked.signalled(root, moments.uniform(0, whole[1]), signal.SIGKILL).status != 0:
        kills += 1
        assert kills < 200
    print(f"killed {kills} times")
    assert forked.outcome(root) == whole[0]


@pytest.mark.parametrize("chain", range(CHAINS))
@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_run_stopped_at_random_moments_reports_how_to_resume_and_ends_the_same(root, whole, chain, number, status):
    print(f"SEED={SEED}")
    moments = random.Random(SEED + 1000 * number + chain)
    for _ in range(200):
        twice = moments.random() < 0.3
        ended = forked.signalled(root, moments.uniform(0, whole[1]), *[number] * (1 + twice))
        assert ended.is_clean, ended
        if ended.status == 0:
            break
        # Before the program handles signals, they end it.
        assert ended.status in (status, -number), ended
        if ended.status == status:
            assert "the same command" in ended.stderr or "stopped by" in ended.stderr, ended
    assert forked.essence(forked.outcome(root)) == forked.essence(whole[0])
