"""Where a program computes: the GPU asked for, else a GPU if there is one, else the CPU; on either engine.

Of several ranks each takes a GPU of its own, that of its number on its machine.
"""

from __future__ import annotations

import subprocess
import sys

from fcn_repro import engine, ranks
from fcn_repro.engine import caffe

chosen: str | None = None  # what `choose` named last


def choose(gpu: int | None) -> str:
    """Put the engine on a GPU or on the CPU and name it, as "cpu" or "gpu 0".

    `gpu` is a device's number, -1 for the CPU, or None for GPU 0, or the rank's, if there is one and the CPU otherwise.

    Raises   ValueError when the GPU asked for, or that of a rank, cannot be used.
    """
    global chosen
    if ranks.launched() > 1 and gpu is not None and gpu >= 0:
        raise ValueError(
            f"GPU {gpu} was asked for by {ranks.launched()} ranks; each takes the GPU of its own number. Leave the "
            "choice out, and name GPUs by CUDA_VISIBLE_DEVICES=0,1; or give -1 for the CPU."
        )
    own = ranks.local_rank()
    index = own if gpu is None else gpu
    trouble = _trouble(index) if index >= 0 else None
    if trouble and gpu is not None:
        raise ValueError(f"GPU {gpu} cannot be used: {trouble}. Leave the choice out, or give -1 for the CPU.")
    if trouble and own > 0 and index == own and not _trouble(0):
        raise ValueError(
            f"rank {index} of this machine finds no GPU: {trouble}. Start as many ranks as there are GPUs."
        )
    if trouble or index < 0:
        caffe.set_mode_cpu()
        chosen = "cpu"
    else:
        caffe.set_device(index)
        caffe.set_mode_gpu()
        chosen = f"gpu {index}"
    return chosen


def title() -> str:
    """What `choose` named last, and what a GPU calls itself where the engine tells: "gpu 0, NVIDIA H200"."""
    on_gpu = engine.name == "torch" and (chosen or "").startswith("gpu")
    return f"{chosen}, {caffe.mode.gpu_name()}" if on_gpu else chosen or "cpu"


def _trouble(index: int) -> str | None:
    """Why a GPU cannot be used; None if it can."""
    if engine.name == "bvlc":
        # Real Caffe ends the process when there is no such device, so a child tries first.
        child = subprocess.run(
            [sys.executable, "-c", f"import caffe; caffe.set_device({index})"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        return "real Caffe fails to set that device (a CPU-only build, or no such GPU)" if child.returncode else None
    try:
        caffe.set_device(index)
    except RuntimeError as error:
        return str(error)
    return None
