"""Threads wait politely while other programs use the cores, by which no result changes."""

import subprocess
import sys

import pytest
import torch

from fcn_repro.caffe.kernels import thread_waiting
from fcn_repro.caffe.kernels.thread_waiting import Crowd, OtherPrograms, adapt_to_load

# In a process without other threads that come and go; libgomp ends its threads a little after the crowd.
COUNT_THREADS = """
import time, psutil, torch
from fcn_repro.caffe.kernels.thread_waiting import Crowd
torch.set_num_threads(2)
torch.ones(1 << 20).add_(1)
process = psutil.Process()
before, cores = process.num_threads(), len(process.cpu_affinity())
crowd = Crowd()
assert process.num_threads() - before >= max(1, cores - 2) + 1
assert torch.get_num_threads() == 2
crowd.end()
end = time.monotonic() + 20
while process.num_threads() > before:
    assert time.monotonic() < end
"""
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="adapted on Linux only")


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(thread_waiting, "WINDOW", 0)
    monkeypatch.setattr(thread_waiting, "_Waiting", type("_Waiting", (), {"programs": None, "crowd": None}))
    yield
    if thread_waiting._Waiting.crowd is not None:
        thread_waiting._Waiting.crowd.end()
    torch.set_num_threads(before)


def adapt(monkeypatch, excess: float) -> bool:
    """Adapt to this many missing cores; returns whether the crowd is there."""
    monkeypatch.setattr(OtherPrograms, "excess", lambda self: excess)
    adapt_to_load()
    return thread_waiting._Waiting.crowd is not None


def test_a_crowd_waits_from_busy_until_idle(monkeypatch):
    adapt_to_load()  # begins to measure
    found = [adapt(monkeypatch, excess) for excess in (0.4, 0.6, 0.4, 0.2, 0.4)]
    assert found == [False, True, True, False, False]


@pytest.mark.parametrize("variable", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"])
def test_the_users_own_policy_wins(monkeypatch, variable):
    monkeypatch.setenv(variable, "1")
    adapt_to_load()
    assert not adapt(monkeypatch, 9) and thread_waiting._Waiting.programs is None


def test_one_thread_waits_for_no_other(monkeypatch):
    torch.set_num_threads(1)
    adapt_to_load()
    assert not adapt(monkeypatch, 9)


def test_a_crowd_exceeds_the_cores_and_leaves_with_its_end():
    subprocess.run([sys.executable, "-c", COUNT_THREADS], check=True)


def test_the_sums_of_a_product_are_the_same_beside_a_crowd():
    left, right = torch.randn(300, 2000), torch.randn(2000, 300)
    alone = left @ right
    crowd = Crowd()
    beside = left @ right
    crowd.end()
    assert torch.equal(alone, beside)


def test_the_excess_is_the_others_share_less_the_cores_left_over(monkeypatch):
    """Four cores in two seconds: 7 busy seconds in all, 3 of them ours; 2 threads leave 2 cores over."""
    now = {"monotonic": 0.0, "process_time": 0.0}
    Times = type("Times", (tuple,), {"idle": property(lambda t: t[3]), "iowait": property(lambda t: t[4])})
    user = [0.0] * 5
    times = lambda percpu: [Times((used, 0, 0, 50.0, 5.0, 0, 0, 0, 0, 0)) for used in user]  # noqa: E731
    monkeypatch.setattr(thread_waiting.os, "sched_getaffinity", lambda pid: {0, 1, 2, 4})
    monkeypatch.setattr(thread_waiting.psutil, "cpu_times", times)
    for name in now:
        monkeypatch.setattr(thread_waiting.time, name, lambda name=name: now[name])
    programs = OtherPrograms()
    now.update(monotonic=2.0, process_time=3.0)
    user[:] = [2.0, 2.0, 2.0, 99.0, 1.0]  # the fourth is not ours to use
    assert programs.excess() == pytest.approx((7 - 3) / 2 - 2)
    now.update(monotonic=3.0)
    assert programs.excess() == pytest.approx(-2)
