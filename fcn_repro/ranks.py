"""Ranks: the processes that train or score one run together. Rank 0 is the root.

    torchrun --standalone --nproc-per-node 2 -m tools.solve voc-fcn-alexnet

Each rank reads every n-th image of one shared order. Each has its own solver and net, which stay equal: an update
uses the mean of the ranks' gradients, as in Caffe's training on several GPUs. Only the root reads and writes the run
folder and broadcasts what it finds (`broadcast_from_root`), because file systems may show a new file late. A process
that torchrun did not start is a root without others.

Seeds    rank r seeds with random_seed + r, as in Caffe, so that dropout masks differ
Source   caffe 9b89154 parallel.cpp (NCCL), python/train.py
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from typing import Any, Callable, Iterator, Sequence

from fcn_repro import engine


def launched_count() -> int:
    """Return the number of ranks that torchrun started; 1 without torchrun."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def launch(gpus: Sequence[int], arguments: Sequence[str]) -> int:
    """Run `python ARGUMENTS` as one rank for each GPU, through torchrun; returns its exit status."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    chosen = [visible[gpu] if gpu < len(visible) and visible[gpu] else str(gpu) for gpu in gpus]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={len(gpus)}"]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ",".join(chosen)}
    with subprocess.Popen([*torchrun, *arguments], env=environment) as child:
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:  # Ctrl-C reaches torchrun, too, which ends the ranks
                continue


def local_rank() -> int:
    """Return this rank's number on this machine, which is the number of its GPU."""
    return int(os.environ["LOCAL_RANK"]) if launched_count() > 1 else 0


def join() -> None:
    """Take this process's place among the ranks that torchrun started; call it before making a net.

    Raises   ValueError on real Caffe, whose own multi-GPU program cannot run Python layers
    """
    if launched_count() == 1:
        return
    if engine.name != "torch":
        raise ValueError(
            f"{launched_count()} ranks: got ENGINE={engine.name}, expected ENGINE=torch. Fix: unset RANKS or torchrun"
        )
    _set_rank(int(os.environ["RANK"]), launched_count())


def count() -> int:
    """Return the number of ranks."""
    return engine.caffe.solver_count()


def is_root() -> bool:
    """Return whether this rank writes files and prints."""
    return engine.caffe.solver_rank() == 0


def log_prefix() -> str:
    """Return the prefix of this rank's messages, such as "rank 1: "; empty with one rank."""
    return f"rank {engine.caffe.solver_rank()}: " if count() > 1 else ""


def all_gather(value: Any) -> list[Any]:
    """Return every rank's `value`, by rank. All ranks must call this, with a value that JSON can hold."""
    if count() == 1:
        return [value]
    return [json.loads(message) for message in engine.caffe.all_gather(json.dumps(value))]


def broadcast_from_root(compute: Callable[[], Any]) -> Any:
    """Call `compute` on the root and return its result on every rank. All ranks must call this."""
    return all_gather(compute() if is_root() else None)[0]


@contextlib.contextmanager
def act_as_single_rank() -> Iterator[None]:
    """Let the data layers of this process serve every image while the block runs."""
    rank, ranks = engine.caffe.solver_rank(), count()
    _set_rank(0, 1)
    try:
        yield
    finally:
        _set_rank(rank, ranks)


def _set_rank(rank: int, ranks: int) -> None:
    engine.caffe.set_solver_count(ranks)
    engine.caffe.set_solver_rank(rank)
    engine.caffe.set_multiprocess(ranks > 1)
