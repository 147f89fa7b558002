"""What a measurement was made on: facts without which a number of seconds says nothing."""

from __future__ import annotations

import contextlib
import os
import platform
import re
from importlib import metadata
from pathlib import Path

from fcn_repro import device, engine
from fcn_repro.engine import caffe

CPUINFO = Path("/proc/cpuinfo")  # Linux
WIDEST_FIRST = ("amx_bf16", "avx512_bf16", "avx512f", "avx2", "avx")  # what arithmetic depends on most


def processor() -> str:
    """What the processor calls itself; the kind of machine where it does not tell."""
    return _of_cpu("model name") or platform.processor() or platform.machine()


def instructions() -> list[str]:
    """Which of WIDEST_FIRST the processor has, the widest first; none where it does not tell."""
    known = _of_cpu("flags").split()
    return [name for name in WIDEST_FIRST if name in known]


def cores() -> int:
    """How many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def facts() -> dict[str, object]:
    """Processor, threads, engine and settings of this process, and the device it chose, as JSON."""
    return {
        "processor": processor(),
        "instructions": next(iter(instructions()), ""),
        "cores": cores(),
        "threads": int(os.environ.get("OMP_NUM_THREADS") or cores()),
        "device": device.describe(),
        "engine": f"torch {metadata.version('torch')}" if engine.name == "torch" else f"Caffe {caffe.__version__}",
        "precision": engine.precision,
        "plain": os.environ.get("PLAIN", "0") not in ("", "0"),  # fcn_repro/caffe/kernels
        "python": platform.python_version(),
    }


def told(found: dict[str, object]) -> str:
    """The facts in a line."""
    settings = [str(found["precision"]), *["PLAIN=1"] * bool(found["plain"])]
    instructions = f", {found['instructions']}" if found["instructions"] else ""
    return (
        f"{found['processor']}{instructions}, {found['threads']} threads on {found['cores']} cores; "
        f"{found['engine']}, {' '.join(settings)}, {found['device']}"
    )


def _of_cpu(fact: str) -> str:
    with contextlib.suppress(OSError):
        found = re.search(rf"^{fact}\s*: (.*)$", CPUINFO.read_text(encoding="utf-8"), re.M)
        return found.group(1) if found else ""
    return ""
