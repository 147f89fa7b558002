"""What a measurement was made on: facts without which a number of seconds says nothing."""

from __future__ import annotations

import os
import platform
import re
from importlib import metadata
from pathlib import Path

from fcn_repro import engine
from fcn_repro.engine import caffe

CPUINFO = Path("/proc/cpuinfo")  # Linux
WIDEST_FIRST = ("amx_bf16", "avx512_bf16", "avx512f", "avx2", "avx")  # what arithmetic depends on most


def facts(device: str) -> dict[str, object]:
    """Processor, threads, engine and settings of this process, as JSON; `device` is what `device.choose` returned."""
    text = CPUINFO.read_text(encoding="utf-8") if CPUINFO.is_file() else ""
    model, flags = (re.search(rf"^{name}\s*: (.*)$", text, re.M) for name in ("model name", "flags"))
    known = flags.group(1).split() if flags else []
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {
        "processor": model.group(1) if model else platform.processor() or platform.machine(),
        "instructions": next((name for name in WIDEST_FIRST if name in known), ""),
        "cores": cores,
        "threads": int(os.environ.get("OMP_NUM_THREADS") or cores),
        "device": device,
        "engine": f"torch {metadata.version('torch')}" if engine.name == "torch" else f"Caffe {caffe.__version__}",
        "precision": engine.precision,
        "plain": os.environ.get("PLAIN", "0") not in ("", "0"),  # fcn_repro/caffe/fast
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
