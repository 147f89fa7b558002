"""Memory by psutil and by control groups of either version, and by MEMORY_GB."""

import math
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from fcn_repro.system import memory

KB = 1024


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A folder for /proc and /sys/fs/cgroup of a machine of 8000 kB and 2000 kB of swap; this process holds 100 kB."""
    monkeypatch.delenv("MEMORY_GB", raising=False)
    monkeypatch.setattr(memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "resident_bytes", lambda: 100.0 * KB)
    found = {"virtual_memory": {"total": 8000 * KB, "available": 3000 * KB},
             "swap_memory": {"total": 2000 * KB, "free": 1000 * KB}}  # fmt: skip
    for name, values in found.items():
        monkeypatch.setattr(psutil, name, lambda values=values: SimpleNamespace(**values))
    return tmp_path


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


VERSION_2 = ("0::/slice/box", "memory.max", "memory.current", "inactive_file")
VERSION_1 = ("5:cpu:/x\n4:memory:/box\n0::/", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


@pytest.mark.parametrize(
    ("version", "group"), [(VERSION_2, "slice"), (VERSION_2, "slice/box"), (VERSION_1, "memory/box")]
)
def test_control_groups_limit_memory_and_reclaimable_pages_are_available(machine, version, group):
    groups, limit, usage, reclaimable = version
    write(machine / "proc/self/cgroup", groups)
    write(machine / "cgroup" / group / limit, 2000 * KB)
    write(machine / "cgroup" / group / usage, 1500 * KB)
    write(machine / "cgroup" / group / "memory.stat", f"anon 5\n{reclaimable} {300 * KB}")
    assert (memory.total_bytes(), memory.available_bytes()) == (2000 * KB, (100 + 500 + 300) * KB)


@pytest.mark.parametrize("has_group", [True, False])
def test_without_a_limit_memory_and_swap_count_with_what_this_process_holds(machine, has_group):
    if has_group:
        write(machine / "proc/self/cgroup", "0::/")
        write(machine / "cgroup/memory.max", "max")
    assert (memory.total_bytes(), memory.available_bytes()) == (10000 * KB, 4100 * KB)


def test_no_file_is_read_twice_for_one_answer(machine, monkeypatch):
    write(machine / "proc/self/cgroup", "0::/a")
    seen, read_text = [], memory.read_text
    monkeypatch.setattr(memory, "read_text", lambda path: (seen.append(path), read_text(path))[1])
    memory.available_bytes()
    assert len(seen) == len(set(seen)) > 1


@pytest.mark.parametrize("text, expected", [("64", 64e9), ("0.5", 5e8), ("inf", math.inf)])
def test_memory_gb_overrides_what_is_found(machine, monkeypatch, text, expected):
    monkeypatch.setenv("MEMORY_GB", text)
    assert memory.total_bytes() == memory.available_bytes() == expected


@pytest.mark.parametrize("text", ["much", "0", "-1", "nan"])
def test_memory_gb_must_be_a_number_above_0(monkeypatch, text):
    monkeypatch.setenv("MEMORY_GB", text)
    with pytest.raises(ValueError, match=f"MEMORY_GB: got '{text}', expected a number of GB above 0"):
        memory.total_bytes()


def test_the_peak_stays_when_memory_is_freed():
    held = np.ones(64 << 20, np.uint8)
    before = memory.peak_bytes()
    assert before >= held.nbytes and memory.resident_bytes() >= held.nbytes
    del held
    assert memory.peak_bytes() >= before - (1 << 20)  # Linux counts to some hundred kB


def test_allocations_beyond_the_limit_raise_and_the_process_lives():
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


@pytest.mark.parametrize(
    "count, text",
    [(8.64e9, "8.6 GB"), (1e8, "0.1 GB"), (12_300_000, "12.3 MB"), (1 << 20, "1.0 MB"), (math.inf, "inf GB")]
)  # fmt: skip
def test_a_megabyte_is_1e6_bytes_and_a_gigabyte_1e9(count, text):
    assert memory.format_bytes(count) == text
