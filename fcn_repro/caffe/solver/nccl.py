"""What several solvers of processes of their own tell each other: parameters, gradients, and what their programs say.

The name is Caffe's. torch.distributed carries the numbers: between GPUs by NCCL, between CPUs by gloo.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from fcn_repro.caffe import mode
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.net.parameters import LearnableParam
from fcn_repro.caffe.solver import solver_rank

if TYPE_CHECKING:
    from fcn_repro.caffe.solver.solver import Solver

TORCHRUN = "env://"  # in the environment, torchrun tells every process where the others are
PATIENCE = timedelta(minutes=30)  # for which a rank waits for another: longer than the root takes over any snapshot

_joined: list[str] = []  # the uid of the group that this process is of


def has_nccl() -> bool:
    """Whether solvers of several processes can train together, be it by NCCL or by gloo."""
    return dist.is_available()


class NCCL:
    """The bond between this process's solver and those of the other ranks: one net, trained by all.

    nccl = caffe.NCCL(solver, uid)          in every rank, after set_solver_count, set_solver_rank, set_multiprocess
    nccl.bcast()                            all begin with the root's parameters
    solver.add_callback(nccl)               every update is made of the gradients' mean over the ranks
    solver.net.after_backward(nccl)         and they are summed while further layers are computed

    `uid` is what one process got from `new_uid` and handed to the others.

    Differs  it works on the CPU, too; shared parameters are summed layer by layer as well, where Caffe refuses; with
             iter_size, after the last pass alone, where Caffe sums after each, which comes to the same
    Raises   CaffeError in a process that is of another group already; ConnectionError, here and in every other method
             and callback, when another rank ends or is silent for 30 minutes
    Source   caffe 9b89154 parallel.cpp (NCCL), python/train.py
    """

    def __init__(self, solver: Solver, uid: bytes | str) -> None:
        _join(uid if isinstance(uid, str) else uid.decode())
        self._solver = solver
        self._sums: dict[LearnableParam, _Sum] = {}  # that are under way
        self._passes = 0  # left in this iteration

    @staticmethod
    def new_uid() -> bytes:
        """A name for a group of this machine's processes; within torchrun, that of the group which torchrun made."""
        if dist.is_torchelastic_launched():
            return TORCHRUN.encode()
        return (Path(tempfile.gettempdir()) / f"caffe-{uuid4().hex}").as_uri().encode()

    def bcast(self) -> None:
        """Give every rank the root's parameters, statistics of BatchNorm included."""
        with _awaiting("the root's parameters"):
            for param in self._solver.net.learnable_params:
                sent = param.blob.tensor.clone(memory_format=torch.contiguous_format)
                dist.broadcast(sent, 0)
                param.blob.tensor.copy_(sent)

    def on_start(self) -> None:
        """Before an iteration's passes."""
        self._passes = self._solver.param.iter_size

    def __call__(self, layer: int) -> None:
        """After a layer's backward pass: sum its gradients if they are whole, which they are in the last pass."""
        if self._passes == 1:
            owner = self._solver.net.layers[layer]
            with _awaiting("gradients"):
                self._sum([param for param in self._solver.net.learnable_params if param.layer is owner])
        self._passes -= layer == 0

    def on_gradients_ready(self) -> None:
        """After the passes: let every gradient be the mean over the ranks. What none computed is left alone."""
        with _awaiting("gradients"):
            self._sum(self._solver.net.learnable_params)
            for total in self._sums.values():
                total.wait()
        self._sums.clear()
        self._passes = 0

    def _sum(self, params: Sequence[LearnableParam]) -> None:
        """Begin to sum gradients, unless that is done already. Which are blank is the net's doing, alike in all."""
        for param in params:
            if param not in self._sums and not param.blob.gradient_is_blank:
                self._sums[param] = _Sum(param.blob.gradient)


class _Sum:
    """A gradient that is being summed over the ranks, in place."""

    def __init__(self, gradient: Tensor) -> None:
        self._gradient, self._flat = gradient, gradient.contiguous()
        self._work = dist.all_reduce(self._flat, async_op=True)

    def wait(self) -> None:
        """Until the sum is there; then it is scaled to be the mean, as Caffe does."""
        self._work.wait()
        self._flat.mul_(1 / solver_rank.solver_count())
        if self._flat is not self._gradient:
            self._gradient.copy_(self._flat)


def exchange(message: str) -> list[str]:
    """Every rank's message, in the order of their ranks. Each rank must call this at the same point of its work.

    Not pycaffe's: scripts there use other packages for it. A process of no group yet joins torchrun's.

    Raises   ConnectionError when another rank ends or is silent for 30 minutes
    """
    if solver_rank.solver_count() == 1:
        return [message]
    if not _joined:
        _join(TORCHRUN)
    with _awaiting("messages"):
        letters = torch.from_numpy(np.frombuffer(message.encode(), np.uint8).copy())
        lengths = [int(length) for length in _gathered(torch.tensor([len(letters)]))]
        sent = torch.zeros(max(lengths), dtype=torch.uint8)
        sent[: len(letters)] = letters
        received = _gathered(sent)
    return [bytes(letters[:length].numpy()).decode() for letters, length in zip(received, lengths, strict=True)]


def _gathered(tensor: Tensor) -> list[Tensor]:
    """A tensor of every rank, on the CPU and of one shape."""
    gathered = [torch.empty_like(tensor) for _ in range(solver_rank.solver_count())]
    dist.all_gather(gathered, tensor)
    return gathered


def _join(uid: str) -> None:
    """Make this process one of a group, for as long as it lives, by its solver_rank and solver_count."""
    if _joined:
        if _joined != [uid]:
            raise CaffeError(f"this process is of the group {_joined[0]} already and cannot join {uid}")
        return
    device = mode.device()
    backend = "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
        backend = "cpu:gloo,cuda:nccl" if dist.is_nccl_available() else backend
    rank, count = solver_rank.solver_rank(), solver_rank.solver_count()
    # When torchrun starts anew, its store may still hold where the ranks of the attempt before were to be found.
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    with _awaiting("all ranks"):
        store, _, _ = next(rendezvous(uid, rank, count, timeout=PATIENCE))
        store = dist.PrefixStore(f"attempt {attempt}", store)
        dist.init_process_group(backend, timeout=PATIENCE, store=store, rank=rank, world_size=count)
    _joined.append(uid)
    atexit.register(dist.destroy_process_group)


@contextlib.contextmanager
def _awaiting(what: str) -> Iterator[None]:
    """Say in our words when another rank does not answer; after that there is nobody to take leave of."""
    try:
        yield
    except RuntimeError as error:
        atexit.unregister(dist.destroy_process_group)
        others = [str(rank) for rank in range(solver_rank.solver_count()) if rank != solver_rank.solver_rank()]
        raise ConnectionError(
            f"rank {' or '.join(others)} ended, or did not answer, when {what} were awaited: "
            f"{str(error).splitlines()[0]}"
        ) from error
