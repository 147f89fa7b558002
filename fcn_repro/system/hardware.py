"""The processor of this machine: name, vector instructions, cores."""

from __future__ import annotations

import contextlib
import os
import platform
import re
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")  # Linux
INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "avx512f", "avx2", "avx")  # those that matter for speed, widest first


def read_processor_name() -> str:
    """Return the processor's name, or the machine type if the system does not report a name."""
    return _read_cpuinfo("model name") or platform.processor() or platform.machine()


def list_instructions() -> list[str]:
    """Return those of INSTRUCTIONS that the processor has; empty if the system does not report them."""
    flags = _read_cpuinfo("flags").split()
    return [name for name in INSTRUCTIONS if name in flags]


def count_cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _read_cpuinfo(field: str) -> str:
    with contextlib.suppress(OSError):
        found = re.search(rf"^{field}\s*: (.*)$", CPUINFO.read_text(encoding="utf-8"), re.M)
        return found.group(1) if found else ""
    return ""
