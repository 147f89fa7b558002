"""Caffe's mode and device: where layers compute. One setting per thread, initially the CPU.

Source   caffe 9b89154 common.cpp, class Caffe (thread-local mode; set_device does not change the mode)
"""

from __future__ import annotations

import logging
import os
import threading

import torch

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.precision import allow_tf32

log = logging.getLogger("caffe")


class _Setting(threading.local):
    gpu = False
    index = 0


_setting = _Setting()


def set_mode_cpu() -> None:
    """Compute on the CPU from now on. Existing nets follow; their blobs move at the next access."""
    _setting.gpu = False


def set_mode_gpu() -> None:
    """Compute on the CUDA device chosen by `set_device` (initially 0). Existing nets follow.

    With FCN_CPU_FALLBACK=1 in the environment and no such device, compute on the CPU and log a warning.

    Raises   CaffeError when torch sees no CUDA device (Caffe fails at the next forward instead)
    """
    if falls_back(_setting.index):
        return set_mode_cpu()
    _require_device(_setting.index)
    allow_tf32()
    _setting.gpu = True


def set_device(index: int) -> None:
    """Choose the CUDA device of this thread; the mode stays the same. FCN_CPU_FALLBACK acts as in `set_mode_gpu`.

    Raises   CaffeError when the device does not exist
    """
    if not falls_back(index):
        _require_device(index)
        _setting.index = index


def device() -> torch.device:
    """Return the device that layers compute on in this thread."""
    return torch.device("cuda", _setting.index) if _setting.gpu else torch.device("cpu")


def count_devices() -> int:
    """Return the number of CUDA devices that torch sees."""
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def describe_device(index: int) -> list[str]:
    """Return the lines of Caffe's DeviceQuery that torch has values for.

    Raises   CaffeError when the device does not exist
    """
    _require_device(index)
    device = torch.cuda.get_device_properties(index)
    facts = {
        "Device id": index,
        "Major revision number": device.major,
        "Minor revision number": device.minor,
        "Name": device.name,
        "Total global memory": device.total_memory,
        "Number of multiprocessors": device.multi_processor_count,
    }
    return [f"{name + ':':<31}{value}" for name, value in facts.items()]


def gpu_name() -> str:
    """Return the name of the chosen CUDA device."""
    return torch.cuda.get_device_name(_setting.index)


def gpu_peak() -> int:
    """Return the peak number of bytes that this process's tensors held on the chosen CUDA device."""
    return torch.cuda.max_memory_allocated(_setting.index)


def falls_back(index: int) -> bool:
    """Whether the environment asks for the CPU in place of a GPU that is missing."""
    is_missing = not 0 <= index < count_devices()
    if is_missing and os.environ.get("FCN_CPU_FALLBACK", "0") not in ("", "0"):
        log.warning("GPU %d is not available; FCN_CPU_FALLBACK asks for the CPU", index)
        return True
    return False


def _require_device(index: int) -> None:
    """Raise CaffeError when a CUDA device does not exist."""
    count = count_devices()
    if not 0 <= index < count:
        raise CaffeError(
            f"GPU {index} is not available: torch {torch.__version__} sees {count} CUDA device(s). "
            "Fix: run on the CPU (set_mode_cpu, GPU=-1 with make, FCN_CPU_FALLBACK=1), or install a CUDA build of torch"
        )
