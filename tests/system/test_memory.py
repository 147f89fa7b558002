"""What memory there is, told from Linux's own files, of either version of control groups; and by hand."""

import math
import subprocess
import sys

import numpy as np
import pytest

from fcn_repro.system import memory

MEMINFO = "MemTotal: 8000 kB\nMemFree: 1 kB\nMemAvailable: 3000 kB\nSwapTotal: 2000 kB\nSwapFree: 1000 kB\n"
KB = 1024


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A folder that stands for /proc and /sys/fs/cgroup; this process holds 100 kB."""
    monkeypatch.delenv("MEMORY_GB", raising=False)
    monkeypatch.setattr(memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "resident_bytes", lambda: 100.0 * KB)
    write(tmp_path / "proc/meminfo", MEMINFO)
    write(tmp_path / "proc/self/cgroup", "0::/\n")
    return tmp_path


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_memory_and_swap_count_and_what_this_process_holds_is_its_own(machine):
    assert memory.total_bytes() == 10000 * KB
    assert memory.available_bytes() == 4100 * KB


@pytest.mark.parametrize("place", ["slice", "slice/box"])
def test_a_group_around_the_process_bounds_it(machine, place):
    write(machine / "proc/self/cgroup", "0::/slice/box\n")
    group = machine / "cgroup" / place
    write(group / "memory.max", f"{2000 * KB}\n")
    write(group / "memory.current", f"{1500 * KB}\n")
    write(group / "memory.stat", f"anon 5\ninactive_file {300 * KB}\n")
    assert memory.total_bytes() == 2000 * KB
    assert memory.available_bytes() == (100 + 500 + 300) * KB


def test_groups_of_the_first_version_bound_it_too(machine):
    write(machine / "proc/self/cgroup", "5:cpu:/x\n4:memory:/box\n0::/\n")
    group = machine / "cgroup/memory/box"
    write(group / "memory.limit_in_bytes", f"{1000 * KB}\n")
    write(group / "memory.usage_in_bytes", f"{400 * KB}\n")
    write(group / "memory.stat", "total_inactive_file 0\n")
    assert (memory.total_bytes(), memory.available_bytes()) == (1000 * KB, 700 * KB)


def test_no_file_is_read_twice_in_a_look(machine, monkeypatch):
    seen, read_text = [], memory.read_text
    monkeypatch.setattr(memory, "read_text", lambda path: (seen.append(path), read_text(path))[1])
    memory.available_bytes()
    assert len(seen) == len(set(seen)) > 1


def test_a_group_without_a_limit_does_not(machine):
    write(machine / "cgroup/memory.max", "max\n")
    assert memory.total_bytes() == 10000 * KB


def test_without_such_files_the_system_is_asked(machine):
    (machine / "proc/meminfo").unlink()
    assert memory.total_bytes() == memory.available_bytes() > 10**8


@pytest.mark.parametrize("text, most", [("64", 64e9), ("0.5", 5e8), ("inf", math.inf)])
def test_what_is_said_goes_before_what_is_found(machine, monkeypatch, text, most):
    monkeypatch.setenv("MEMORY_GB", text)
    assert memory.total_bytes() == memory.available_bytes() == most


@pytest.mark.parametrize("text", ["much", "0", "-1", "nan"])
def test_what_is_no_amount_is_refused(monkeypatch, text):
    monkeypatch.setenv("MEMORY_GB", text)
    with pytest.raises(ValueError, match=f"MEMORY_GB is '{text}'; expected GB of memory"):
        memory.total_bytes()


def test_the_peak_stays_when_memory_is_given_back():
    held = np.ones(64 << 20, np.uint8)
    before = memory.peak_bytes()
    assert before >= held.nbytes
    del held
    assert memory.peak_bytes() >= before - (1 << 20)  # Linux counts to some hundred kB


def test_beyond_the_limit_nothing_more_is_given_and_the_process_lives():
    script = """
from fcn_repro.system import memory
memory.limit_bytes(1 << 28)
try:
    bytearray(1 << 29)
except MemoryError:
    print("refused")
bytearray(1 << 20)
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stdout == "refused\n", found.stderr


@pytest.mark.parametrize("count, text", [(8.64e9, "8.6 GB"), (12_300_000, "12.3 MB"), (math.inf, "inf GB")])
def test_bytes_are_told_in_units_for_people(count, text):
    assert memory.format_bytes(count) == text
