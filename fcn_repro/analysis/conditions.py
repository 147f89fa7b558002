"""The conditions of a measurement: processor, threads, engine and settings, without which seconds mean nothing."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from typing import Mapping

from fcn_repro import device, engine
from fcn_repro.system.hardware import count_cores, list_instructions, read_processor_name


def collect_conditions() -> dict[str, object]:
    """Collect processor, threads, engine and settings of this process and its device, as JSON values."""
    is_torch = engine.name == "torch"
    return {
        "processor": read_processor_name(),
        "instructions": next(iter(list_instructions()), ""),
        "cores": count_cores(),
        "threads": int(os.environ.get("OMP_NUM_THREADS") or count_cores()),
        "device": device.describe(),
        "engine": f"torch {metadata.version('torch')}" if is_torch else f"Caffe {engine.caffe.__version__}",
        "precision": engine.precision,
        "plain": is_torch and not engine.caffe.kernels.is_enabled(),
        "python": platform.python_version(),
    }


def format_conditions(conditions: Mapping[str, object]) -> str:
    """Format conditions in a line."""
    settings = " ".join([str(conditions["precision"]), *["PLAIN=1"] * bool(conditions["plain"])])
    instructions = f", {conditions['instructions']}" if conditions["instructions"] else ""
    return (
        f"{conditions['processor']}{instructions}, {conditions['threads']} threads on {conditions['cores']} cores; "
        f"{conditions['engine']}, {settings}, {conditions['device']}"
    )
