"""Runs that are killed at every file operation and at random moments end as one that was never stopped."""

import os
import random
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


def test_a_kill_before_any_file_operation_changes_nothing_in_the_end(template, tmp_path, whole):
    operation = 0
    while True:
        operation += 1
        root = forked.fresh_copy(template, tmp_path / "run")
        first = forked.run(root, kill_at=operation)
        if first.status == 0:
            break
        assert first.status == -signal.SIGKILL, (operation, first)
        assert forked.run(root).status == 0, operation
        assert forked.outcome(root) == whole[0], f"killed at file operation {operation}"
    print(f"killed at each of {operation - 1} file operations")
    assert operation > 50  # or the operations were not counted


def test_a_disk_that_fills_at_any_file_operation_loses_nothing(template, tmp_path, whole):
    operation = 0
    while True:
        operation += 1
        root = forked.fresh_copy(template, tmp_path / "run")
        first = forked.run(root, full_from=operation)
        if first.status == 0:
            break
        assert first.is_clean and first.status == 1, (operation, first)
        assert "No space left on device: 'build/tiny/" in first.stderr, (operation, first)
        assert forked.run(root).status == 0, operation
        assert forked.outcome(root) == whole[0], f"full at file operation {operation}"
    print(f"full at each of {operation - 1} file operations")
    assert operation > 50


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
def test_a_run_asked_to_stop_at_random_moments_says_how_to_go_on_and_ends_the_same(root, whole, chain, number, status):
    print(f"SEED={SEED}")
    moments = random.Random(SEED + 1000 * number + chain)
    for _ in range(200):
        twice = moments.random() < 0.3
        ended = forked.signalled(root, moments.uniform(0, whole[1]), *[number] * (1 + twice))
        assert ended.is_clean, ended
        if ended.status == 0:
            break
        # Before the program hears signals, they do to it what they do to any.
        assert ended.status in (status, -number), ended
        if ended.status == status:
            assert "the same command" in ended.stderr or "stopped by" in ended.stderr, ended
    assert forked.essence(forked.outcome(root)) == forked.essence(whole[0])
