"""Solver: steps, display, tests, snapshots. How an update is made of a gradient stands in sgd_solvers.py.

Source   caffe 9b89154 solver.cpp and sgd_solver.cpp
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.errors import CaffeError, naming
from fcn_repro.caffe.kernels.pieces import in_pieces
from fcn_repro.caffe.net.net import Net
from fcn_repro.caffe.net.parameters import LearnableParam
from fcn_repro.caffe.proto import caffe_pb2, prototxt, solverstate
from fcn_repro.caffe.proto.stored_blob import StoredBlob
from fcn_repro.caffe.random import rng
from fcn_repro.caffe.solver import solver_nets, solver_rank
from fcn_repro.caffe.solver.lr_policy import learning_rate, next_step
from fcn_repro.caffe.solver.nccl import NCCL
from fcn_repro.caffe.solver.smoothed_loss import SmoothedLoss

log = logging.getLogger("caffe")


class Solver:
    """What all solver types share.

    Attributes
        net         the train Net; test_nets the test Nets, sharing its weights when tested
        iter        updates made so far
        lr          the rate of the next update
        param       the SolverParameter; base_lr may be set

    Raises   CaffeError for a solver file that Caffe refuses, RuntimeError("Could not open file ...") for a missing one.
    """

    histories = 1  # history blobs per parameter
    remembers_gradients = False  # whether gradients change these even at rate 0

    def __init__(self, solver_file: str | Path) -> None:
        self.param = prototxt.read_solver(solver_file)
        with naming(solver_file):
            self._check()
            if self.param.random_seed >= 0:
                rng.set_random_seed(self.param.random_seed + solver_rank.solver_rank())
            self.net = solver_nets.train_net(self.param)
            self.test_nets = solver_nets.test_nets(self.param)
        for weights in (path for entry in self.param.weights for path in entry.split(",")):
            for net in (self.net, *self.test_nets):
                net.copy_from(weights.strip())
        self.iter = 0
        self.history = [Blob(p.blob.dims) for _ in range(self.histories) for p in self.net.learnable_params]
        self._current_step = 0
        self._loss = SmoothedLoss(self.param.average_loss)
        self._callbacks: list[tuple[Callable[[], None], Callable[[], None]]] = []
        self._saves_memory = self._updates_by_layer = False
        self._updated: set[int] = set()  # indices of the parameters that this iteration has updated already

    # -- what pycaffe offers -------------------------------------------------------------------------------------

    @property
    def lr(self) -> float:
        """The rate of the next update. As in Caffe, asking evaluates the policy, which may advance `multistep`."""
        before, self._current_step = self._current_step, next_step(self.param, self.iter, self._current_step)
        if self.param.lr_policy == "multistep" and self._current_step > before:
            log.info("MultiStep Status: Iteration %d, step = %d", self.iter, self._current_step)
        return learning_rate(self.param, self.iter, self._current_step)

    def step(self, iterations: int) -> None:
        """Make `iterations` updates; max_iter does not bound them, and the loss display starts afresh."""
        stop = self.iter + iterations
        self._make_history()
        self._loss = SmoothedLoss(self.param.average_loss)
        shown = time.monotonic(), self.iter
        while self.iter < stop:
            self.net.clear_param_diffs()
            if self._is_due(self.param.test_interval) and (self.iter > 0 or self.param.test_initialization):
                self.test_all()
            for on_start, _ in self._callbacks:
                on_start()
            self._loss.add(sum(map(self._forward_backward, range(self.param.iter_size))) / self.param.iter_size)
            if self._is_due(self.param.display):
                shown = self._display(*shown)
            for _, on_gradients_ready in self._callbacks:
                on_gradients_ready()
            self.apply_update()
            if self._is_due(self.param.snapshot):
                self.snapshot()

    def solve(self, resume_file: str | Path | None = None) -> None:
        """Train to max_iter, from a .solverstate if one is given; snapshot and test at the end as the file says."""
        if resume_file is not None:
            self.restore(resume_file)
        self.step(self.param.max_iter - self.iter)
        if self.param.snapshot_after_train and not (self.param.snapshot and self.iter % self.param.snapshot == 0):
            self.snapshot()
        if self._is_due(self.param.display):
            self._loss.add(self.net._forward(0, len(self.net.layers) - 1))
            log.info("Iteration %d, loss = %g", self.iter, self._loss.value)
        if self._is_due(self.param.test_interval):
            self.test_all()
        log.info("Optimization Done.")

    def apply_update(self) -> None:
        """Turn the parameters' diffs into updates, subtract these, and count one iteration.

        Caffe's order: clip all gradients together, then per parameter divide by iter_size, add the decay, and compute
        the update. Afterwards a parameter's diff holds its update.
        """
        rate = self.lr
        if self._is_due(self.param.display):
            log.info("Iteration %d, lr = %g", self.iter, rate)
        self._clip()
        for index in range(len(self.net.learnable_params)):
            if index not in self._updated:
                self._update_param(index, rate)
        self._updated.clear()
        self.iter += 1

    def update(self, gradient: Tensor, rate: float, history: list[Tensor]) -> Tensor:
        """The update to subtract, element by element; changes `history` in place, may change and return `gradient`."""
        raise NotImplementedError

    def save_memory(self) -> None:
        """From now on forget gradients as soon as they have been used, and maps when they are to be made anew.

        Of maps: see Net.saves_memory. Gradients of a layer's parameters become its update when the layer has
        had its turn in an iteration's last backward pass, unless clipping, callbacks or snapshots want them all; so an
        error within that pass leaves some layers updated.
        """
        if not self._saves_memory:
            self._saves_memory = True
            self.net.saves_memory = True
            self.net.after_backward(self._update_layer)

    def share_weights(self, net: Net) -> None:
        """Let `net` use the train net's weights."""
        net.share_with(self.net)

    def add_callback(
        self, on_start: Callable[[], None] | NCCL, on_gradients_ready: Callable[[], None] | None = None
    ) -> None:
        """Call these in every iteration: before its forward passes, and between its backward passes and the update.

        An NCCL is given alone, and brings both along.
        """
        if isinstance(on_start, NCCL):
            self._callbacks.append((on_start.on_start, on_start.on_gradients_ready))
        elif on_gradients_ready is None:
            raise TypeError("add_callback takes two functions, on_start and on_gradients_ready, or an NCCL")
        else:
            self._callbacks.append((on_start, on_gradients_ready))

    def test_all(self) -> None:
        """Run every test net for its test_iter passes and log the means of its outputs."""
        for index, net in enumerate(self.test_nets):
            self._test(index, net)

    # -- snapshots -----------------------------------------------------------------------------------------------

    def snapshot(self) -> None:
        """Write <prefix>_iter_<iter>.caffemodel and .solverstate (.h5 in HDF5 format), each atomically.

        Raises   OSError as writing does, earlier snapshots stay as they are; CaffeError in a solver of rank above 0.
        """
        if not solver_rank.is_root_solver():
            raise CaffeError(f"the solver of rank {solver_rank.solver_rank()} cannot snapshot; only that of rank 0 can")
        suffix = ".h5" if self.param.snapshot_format == caffe_pb2.SolverParameter.HDF5 else ""
        stem = f"{self.param.snapshot_prefix}_iter_{self.iter}"
        model = f"{stem}.caffemodel{suffix}"
        form = "HDF5" if suffix else "binary proto"
        log.info("Snapshotting to %s file %s", form, model)
        (self.net.save_hdf5 if suffix else self.net.save)(model, with_diff=self.param.snapshot_diff)
        state_file = f"{stem}.solverstate{suffix}"
        log.info("Snapshotting solver state to %s file %s", form, state_file)
        history = [StoredBlob(blob.dims, False, blob.data) for blob in self.history]
        solverstate.write(state_file, solverstate.SolverState(self.iter, model, self._current_step, history))

    def restore(self, state_file: str | Path) -> None:
        """Go on from a .solverstate and the weights it names (relative to the working directory, as in Caffe).

        Raises   CaffeError naming the file where it does not belong to this solver's net.
        """
        state = solverstate.read(state_file)
        if len(state.history) != len(self.history):
            raise CaffeError(
                f"{state_file} holds {len(state.history)} history blobs and this solver has {len(self.history)}; "
                "it belongs to another net or solver type"
            )
        for blob, stored in zip(self.history, state.history, strict=True):
            if stored.data.size != blob.count:
                raise CaffeError(
                    f"{stored.where}: {stored.data.size} values for a parameter of shape {list(blob.dims)}; "
                    "it belongs to another net"
                )
        if state.learned_net:
            with naming(state_file):
                self.net.copy_from(state.learned_net)
        for blob, stored in zip(self.history, state.history, strict=True):
            stored.copy_to(blob)
        self.iter, self._current_step = state.iter, state.current_step

    # -- parts of a step -----------------------------------------------------------------------------------------

    def _is_due(self, interval: int) -> bool:
        """Whether it is time, at this iteration, for what the root solver does every `interval`; 0 is never."""
        return interval > 0 and self.iter % interval == 0 and solver_rank.is_root_solver()

    def _forward_backward(self, number: int) -> float:
        last = len(self.net.layers) - 1
        loss = self.net._forward(0, last)
        self._updates_by_layer = self._saves_memory and number == self.param.iter_size - 1 and self._needs_no_diffs()
        try:
            self.net._backward(last, 0)
        finally:
            self._updates_by_layer = False  # also after an error: a backward pass by hand is no update
        return loss

    def _needs_no_diffs(self) -> bool:
        """Whether the parameters' gradients need not be there all at once."""
        return self.param.clip_gradients < 0 and not self.param.snapshot_diff and not self._callbacks

    def _make_history(self) -> None:
        """Let history take its memory before all that comes and goes: it stays, and would lie between holes."""
        params = self.net.learnable_params
        for index, param in enumerate(params):
            if param.lr_mult:
                for blob in self.history[index :: len(params)]:
                    _ = blob.tensor

    def _update_layer(self, layer: int) -> None:
        """After a layer's backward: update the parameters that it owns, as all that share them have had their turn."""
        if self._updates_by_layer:
            for index, param in enumerate(self.net.learnable_params):
                if param.layer is self.net.layers[layer]:
                    self._update_param(index, self.lr)
                    self._updated.add(index)
                    param.blob.clear_gradient()

    def _update_param(self, index: int, rate: float) -> None:
        """Turn a parameter's diff into its update, and subtract that."""
        params = self.net.learnable_params
        param, history = params[index], self.history[index :: len(params)]
        local_rate = float(np.float32(rate) * np.float32(param.lr_mult))
        if local_rate == 0 and self._rests(param, history):
            return
        promised = param.blob.promised_gradient
        kept = [param.blob.tensor, *(blob.tensor for blob in history)]
        if self._updates_by_layer and promised is not None:  # which is not asked for afterwards
            for some, gradient in promised.parts():
                self._subtract(param, local_rate, [gradient, *(whole[some] for whole in kept)])
        else:
            self._subtract(param, local_rate, [param.blob.gradient, *kept])

    def _subtract(self, param: LearnableParam, rate: float, tensors: Sequence[Tensor]) -> None:
        """Turn a gradient, or a part of it, into an update and subtract it. After it come weights and history."""
        for gradient, weight, *past in in_pieces(tensors):
            if self.param.iter_size > 1:
                gradient.mul_(1 / self.param.iter_size)
            self._regularize(gradient, weight, param.decay_mult)
            update = self.update(gradient, rate, past)
            if update is not gradient:
                gradient.copy_(update)
            weight.sub_(gradient)

    def _clip(self) -> None:
        bound = self.param.clip_gradients
        if bound < 0:
            return
        gradients = [p.blob.gradient for p in self.net.learnable_params if not p.blob.gradient_is_blank]
        norm = math.sqrt(sum(float((g * g).sum()) for g in gradients))
        if norm > bound:
            for gradient in gradients:
                gradient.mul_(bound / norm)

    def _rests(self, param: LearnableParam, history: list[Blob]) -> bool:
        """Whether at rate 0 nothing happens to a parameter, so that a frozen one needs neither diff nor history."""
        is_blank = param.blob.gradient_is_blank and all(blob.is_blank for blob in history)
        return is_blank and not self.remembers_gradients

    def _regularize(self, gradient: Tensor, weight: Tensor, decay_mult: float) -> None:
        decay = float(np.float32(self.param.weight_decay) * np.float32(decay_mult))
        if not decay:
            return
        if self.param.regularization_type == "L2":
            gradient.add_(weight, alpha=decay)
        elif self.param.regularization_type == "L1":
            gradient.add_(weight.sign(), alpha=decay)
        else:
            raise CaffeError(f"unknown regularization_type {self.param.regularization_type!r}; expected L2 or L1")

    def _display(self, last_time: float, last_iter: int) -> tuple[float, int]:
        now = time.monotonic()
        elapsed = now - last_time
        rate = (self.iter - last_iter) / elapsed if elapsed else 0.0
        log.info(
            "Iteration %d (%g iter/s, %gs/%d iters), loss = %g",
            self.iter, rate, elapsed, self.param.display, self._loss.value,
        )  # fmt: skip
        _log_outputs("Train", self.net, {name: self.net.blobs[name].data for name in self.net.outputs})
        return now, self.iter

    def _test(self, index: int, net: Net) -> None:
        log.info("Iteration %d, Testing net (#%d)", self.iter, index)
        net.share_with(self.net)
        passes = self.param.test_iter[index]
        totals: dict[str, np.ndarray] = {}
        loss = 0.0
        for _ in range(passes):
            loss += net._forward(0, len(net.layers) - 1)
            for name in net.outputs:
                totals[name] = totals.get(name, 0) + net.blobs[name].data.astype(np.float32)
        if self.param.test_compute_loss and passes:
            log.info("Test loss: %g", loss / passes)
        _log_outputs("Test", net, {name: total / passes for name, total in totals.items()})

    # -- reading the solver file ---------------------------------------------------------------------------------

    def _check(self) -> None:
        for name in ("average_loss", "iter_size"):
            if getattr(self.param, name) < 1:
                raise CaffeError(f"{name} is {getattr(self.param, name)}; expected 1 or more")
        folder = Path(self.param.snapshot_prefix).parent
        if self.param.snapshot and not os.access(folder, os.W_OK):
            raise CaffeError(
                f"snapshot_prefix {self.param.snapshot_prefix!r} lies in no folder that exists and can be written; "
                f"make it: mkdir -p {folder}"
            )


def _log_outputs(what: str, net: Net, values: dict[str, np.ndarray]) -> None:
    number = 0
    weights = net.blob_loss_weights
    for name, array in values.items():
        weight = weights[name]
        for value in np.ravel(array):
            suffix = f" (* {weight:g} = {weight * value:g} loss)" if weight else ""
            log.info("    %s net output #%d: %s = %g%s", what, number, name, value, suffix)
            number += 1
