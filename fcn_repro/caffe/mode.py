"""Where computing happens: Caffe's mode and device, one setting per thread, CPU until told otherwise.

Source   caffe 9b89154 common.cpp, class Caffe (thread-local mode; set_device does not change the mode)
"""

from __future__ import annotations

import threading

import torch

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.precision import allow_tf32


class _Setting(threading.local):
    gpu = False
    index = 0


_setting = _Setting()


def set_mode_cpu() -> None:
    """Compute on the CPU from now on; existing nets follow, their blobs move when next touched."""
    _setting.gpu = False


def set_mode_gpu() -> None:
    """Compute on the CUDA device chosen by `set_device` (0 at first); existing nets follow.

    Raises   CaffeError when torch sees no CUDA device (Caffe dies at the next forward instead).
    """
    _require_device(_setting.index)
    allow_tf32()
    _setting.gpu = True


def set_device(index: int) -> None:
    """Choose the CUDA device for this thread; the mode stays as it is.

    Raises   CaffeError when there is no such device.
    """
    _require_device(index)
    _setting.index = index


def device() -> torch.device:
    """The device that layers compute on in this thread."""
    return torch.device("cuda", _setting.index) if _setting.gpu else torch.device("cpu")


def gpu_name() -> str:
    """What the chosen CUDA device calls itself."""
    return torch.cuda.get_device_name(_setting.index)


def gpu_peak() -> int:
    """The most bytes that this process's tensors have held of the chosen CUDA device's memory."""
    return torch.cuda.max_memory_allocated(_setting.index)


def _require_device(index: int) -> None:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not 0 <= index < count:
        raise CaffeError(
            f"GPU {index} was asked for, but torch {torch.__version__} sees {count} CUDA device(s) here; "
            "run on the CPU (set_mode_cpu, or GPU=-1 with make), or install a CUDA build of torch"
        )
