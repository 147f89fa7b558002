"""The choice between GPU and CPU, on either engine.

With several ranks, each uses the GPU of its own number on its machine.
"""

from __future__ import annotations

import subprocess
import sys

from fcn_repro import engine, ranks

chosen: str | None = None  # the last result of `choose`


def choose(gpu: int | None) -> str:
    """Select the engine's device and return its name: "cpu" or "gpu 0".

    `gpu` is a device number, -1 for the CPU, or None: the rank's GPU (GPU 0 with one rank) if there is one, else the
    CPU.

    Raises   ValueError if the requested GPU, or a rank's GPU, is unusable
    """
    global chosen
    if ranks.launched_count() > 1 and gpu is not None and gpu >= 0:
        raise ValueError(
            f"got GPU {gpu} for {ranks.launched_count()} ranks; each rank uses the GPU of its own number. "
            "Fix: omit the choice and list the GPUs in CUDA_VISIBLE_DEVICES=0,1; or give -1 for the CPU."
        )
    own = ranks.local_rank()
    index = own if gpu is None else gpu
    if index >= 0 and engine.name == "torch" and engine.caffe.mode.falls_back(index):
        gpu = index = -1
    error = _find_error(index) if index >= 0 else None
    if error and gpu is not None:
        raise ValueError(f"GPU {gpu} cannot be used: {error}. Fix: omit the choice, or give -1 for the CPU.")
    if error and own > 0 and index == own and not _find_error(0):
        raise ValueError(f"rank {index} of this machine finds no GPU: {error}. Fix: start one rank per GPU.")
    if error or index < 0:
        engine.caffe.set_mode_cpu()
        chosen = "cpu"
    else:
        engine.caffe.set_device(index)
        engine.caffe.set_mode_gpu()
        chosen = f"gpu {index}"
    return chosen


def describe() -> str:
    """Return the chosen device, with the GPU's model where the engine reports it: "gpu 0, NVIDIA H200"."""
    on_gpu = engine.name == "torch" and (chosen or "").startswith("gpu")
    return f"{chosen}, {engine.caffe.mode.gpu_name()}" if on_gpu else chosen or "cpu"


def _find_error(index: int) -> str | None:
    """Return why a GPU cannot be used; None if it can."""
    if engine.name == "bvlc":
        # Real Caffe ends the process if there is no such device, so a child process tries first.
        child = subprocess.run(
            [sys.executable, "-c", f"import caffe; caffe.set_device({index})"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        return "real Caffe fails to set that device (a CPU-only build, or no such GPU)" if child.returncode else None
    try:
        engine.caffe.set_device(index)
    except RuntimeError as error:
        return str(error)
    return None
