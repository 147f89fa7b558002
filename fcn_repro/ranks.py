"""The processes that train, or score, one run together: ranks 0, 1, 2, ..., of which 0 is the root.

    torchrun --standalone --nproc-per-node 2 -m tools.solve voc-fcn-alexnet

Each rank reads every n-th image of the one order, and has a solver and a net of its own, which stay alike: an update is
made of the gradients' mean over the ranks, as in Caffe's training on several GPUs. The root alone writes into the run's
folder and looks into it: the others do what it tells them (`from_root`), for a file that it has just written may or may
not be there when they look. A process that torchrun did not start is a root of its own.

Seeds    rank r seeds with random_seed + r, as Caffe does, so that no two draw the same dropout masks
Source   caffe 9b89154 parallel.cpp (NCCL), python/train.py
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any, Callable, Iterator

from fcn_repro import engine
from fcn_repro.datasets.base import data_layer
from fcn_repro.engine import caffe


def launched() -> int:
    """How many ranks torchrun started, this process among them; 1 where it did not."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def local_rank() -> int:
    """Which of this machine's ranks this is: the number of its GPU."""
    return int(os.environ["LOCAL_RANK"]) if launched() > 1 else 0


def join() -> None:
    """Take the place among the ranks that torchrun gave this process; to be called before a net is made.

    Raises   ValueError on real Caffe, which trains on several GPUs by a program of its own, and no Python layers there
    """
    if launched() == 1:
        return
    if engine.name != "torch":
        raise ValueError(
            f"{launched()} ranks were started with ENGINE={engine.name}, which does not work in ranks here; "
            "leave RANKS, or torchrun, out, or use ENGINE=torch"
        )
    _be(int(os.environ["RANK"]), launched())


def count() -> int:
    """How many ranks there are."""
    return caffe.solver_count()


def is_root() -> bool:
    """Whether this is the rank that writes and speaks."""
    return caffe.solver_rank() == 0


def name() -> str:
    """Before what one of several ranks says: "rank 1: "; nothing before what a lone process says."""
    return f"rank {caffe.solver_rank()}: " if count() > 1 else ""


def exchange(value: Any) -> list[Any]:
    """Every rank's value, in order of rank. All ranks must come here, with something that JSON can tell."""
    if count() == 1:
        return [value]
    return [json.loads(message) for message in caffe.exchange(json.dumps(value))]


def from_root(ask: Callable[[], Any]) -> Any:
    """What the root finds when it alone asks. All ranks must come here."""
    return exchange(ask() if is_root() else None)[0]


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """For a while, let the data layers of this process serve it every image, as if it were alone."""
    rank, ranks = caffe.solver_rank(), count()
    _be(0, 1)
    try:
        yield
    finally:
        _be(rank, ranks)


def tie(solver: caffe.SGDSolver) -> Callable[[], None]:
    """Let the ranks' solvers train one net, from the root's weights on, on images in the root's order.

    Returns   what gives every rank the root's weights again; they are the same but for the statistics of BatchNorm
    """
    if count() == 1:
        return lambda: None
    nccl = caffe.NCCL(solver, caffe.NCCL.new_uid())
    nccl.bcast()
    solver.add_callback(nccl)
    if solver.param.layer_wise_reduce:
        solver.net.after_backward(nccl)
    layer = data_layer(solver.net)
    layer.seek(from_root(layer.position))
    return nccl.bcast


def _be(rank: int, ranks: int) -> None:
    caffe.set_solver_count(ranks)
    caffe.set_solver_rank(rank)
    caffe.set_multiprocess(ranks > 1)
