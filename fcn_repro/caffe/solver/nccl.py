"""Communication between solvers in separate processes: parameters, gradients, messages.

The name is Caffe's. torch.distributed carries the data: by NCCL between GPUs, by gloo between CPUs.
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

TORCHRUN = "env://"  # torchrun puts the group's address into the environment of every process
TIMEOUT = timedelta(minutes=30)  # how long a rank waits for another: longer than the root takes for any snapshot

_joined: list[str] = []  # the uid of this process's group


def has_nccl() -> bool:
    """Return whether solvers of several processes can train together, by NCCL or by gloo."""
    return dist.is_available()


class NCCL:
    """Connects this process's solver with those of the other ranks: all train one net.

    nccl = caffe.NCCL(solver, uid)          in every rank, after set_solver_count, set_solver_rank, set_multiprocess
    nccl.bcast()                            all start with the root's parameters
    solver.add_callback(nccl)               every update uses the mean of the ranks' gradients
    solver.net.after_backward(nccl)         sums gradients while further layers are computed

    One process makes `uid` with `new_uid` and passes it to the others.

    Differs  it also works on the CPU; shared parameters are summed layer by layer too, where Caffe refuses; with
             iter_size gradients are summed after the last pass only, not after each, with the same result
    Raises   CaffeError in a process of another group; ConnectionError, here and in every other method and callback,
             when another rank ends or is silent for 30 minutes
    Source   caffe 9b89154 parallel.cpp (NCCL), python/train.py
    """

    def __init__(self, solver: Solver, uid: bytes | str) -> None:
        _join(uid if isinstance(uid, str) else uid.decode())
        self._solver = solver
        self._sums: dict[LearnableParam, _Sum] = {}  # in progress
        self._passes = 0  # left in this iteration

    @staticmethod
    def new_uid() -> bytes:
        """Return a name for a group of this machine's processes; within torchrun, the name of its group."""
        if dist.is_torchelastic_launched():
            return TORCHRUN.encode()
        return (Path(tempfile.gettempdir()) / f"caffe-{uuid4().hex}").as_uri().encode()

    def bcast(self) -> None:
        """Give every rank the root's parameters, with the statistics of BatchNorm."""
        with _waiting_for("the root's parameters"):
            for param in self._solver.net.learnable_params:
                sent = param.blob.tensor.clone(memory_format=torch.contiguous_format)
                dist.broadcast(sent, 0)
                param.blob.tensor.copy_(sent)

    def on_start(self) -> None:
        """Prepare for an iteration's passes."""
        self._passes = self._solver.param.iter_size

    def __call__(self, layer: int) -> None:
        """After a layer's backward pass: start to sum its gradients if this is the last pass."""
        if self._passes == 1:
            owner = self._solver.net.layers[layer]
            with _waiting_for("gradients"):
                self._start_sums([param for param in self._solver.net.learnable_params if param.layer is owner])
        self._passes -= layer == 0

    def on_gradients_ready(self) -> None:
        """After the passes: replace every gradient by the mean over the ranks; blank gradients stay blank."""
        with _waiting_for("gradients"):
            self._start_sums(self._solver.net.learnable_params)
            for total in self._sums.values():
                total.wait()
        self._sums.clear()
        self._passes = 0

    def _start_sums(self, params: Sequence[LearnableParam]) -> None:
        """Start to sum gradients that are not yet summed. The net determines blank ones, so all ranks agree."""
        for param in params:
            if param not in self._sums and not param.blob.gradient_is_blank:
                self._sums[param] = _Sum(param.blob.gradient)


class _Sum:
    """A sum of a gradient over the ranks, in progress, in place."""

    def __init__(self, gradient: Tensor) -> None:
        self._gradient, self._flat = gradient, gradient.contiguous()
        self._work = dist.all_reduce(self._flat, async_op=True)

    def wait(self) -> None:
        """Wait for the sum and scale it to the mean, as Caffe does."""
        self._work.wait()
        self._flat.mul_(1 / solver_rank.solver_count())
        if self._flat is not self._gradient:
            self._gradient.copy_(self._flat)


def all_gather(message: str) -> list[str]:
    """Return every rank's message, by rank. Each rank must call this at the same point of its work.

    Not in pycaffe. A process without a group joins torchrun's.

    Raises   ConnectionError when another rank ends or is silent for 30 minutes
    """
    if solver_rank.solver_count() == 1:
        return [message]
    if not _joined:
        _join(TORCHRUN)
    received: list[str] = [""] * solver_rank.solver_count()
    with _waiting_for("messages"):
        dist.all_gather_object(received, message)
    return received


def _join(uid: str) -> None:
    """Add this process to a group for its whole life, with its solver_rank and solver_count."""
    if _joined:
        if _joined != [uid]:
            raise CaffeError(f"this process is in the group {_joined[0]} and cannot join {uid}")
        return
    device = mode.device()
    backend = "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
        backend = "cpu:gloo,cuda:nccl" if dist.is_nccl_available() else backend
    rank, count = solver_rank.solver_rank(), solver_rank.solver_count()
    # After a restart by torchrun, its store may still hold addresses of the previous attempt.
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    with _waiting_for("all ranks"):
        store, _, _ = next(rendezvous(uid, rank, count, timeout=TIMEOUT))
        store = dist.PrefixStore(f"attempt {attempt}", store)
        dist.init_process_group(backend, timeout=TIMEOUT, store=store, rank=rank, world_size=count)
    _joined.append(uid)
    atexit.register(dist.destroy_process_group)


@contextlib.contextmanager
def _waiting_for(what: str) -> Iterator[None]:
    """Raise ConnectionError when another rank does not answer; the group is then not destroyed at exit."""
    try:
        yield
    except RuntimeError as error:
        atexit.unregister(dist.destroy_process_group)
        others = [str(rank) for rank in range(solver_rank.solver_count()) if rank != solver_rank.solver_rank()]
        raise ConnectionError(
            f"rank {' or '.join(others)} ended, or did not answer, when this rank waited for {what}: "
            f"{str(error).splitlines()[0]}"
        ) from error
