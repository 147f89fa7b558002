"""Solver: steps, display, tests, snapshots. The updates of each solver type are in update_rules.py.

Source   caffe 9b89154 solver.cpp and sgd_solver.cpp
"""

import logging
import math
import os
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from torch import Tensor

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.errors import CaffeError, attach_file
from fcn_repro.caffe.kernels.pieces import split_elements
from fcn_repro.caffe.net import net_log
from fcn_repro.caffe.net.net import Net
from fcn_repro.caffe.net.parameters import LearnableParam
from fcn_repro.caffe.proto import caffe_pb2, prototxt, solverstate
from fcn_repro.caffe.proto.stored_blob import StoredBlob
from fcn_repro.caffe.random import rng
from fcn_repro.caffe.solver import solver_nets, solver_rank
from fcn_repro.caffe.solver.lr_policy import learning_rate, next_step
from fcn_repro.caffe.solver.smoothed_loss import SmoothedLoss

log = logging.getLogger("caffe")
SGD_SOLVER = {"source": "sgd_solver.cpp"}  # the file of Caffe that logs a line


class Callback(Protocol):
    """Caffe's Solver::Callback, such as an NCCL."""

    def on_start(self) -> None:
        """Runs before an iteration's passes."""

    def on_gradients_ready(self) -> None:
        """Runs between an iteration's passes and its update."""


class Solver:
    """The common part of all solver types.

    Attributes
        net         the train Net; test_nets the test Nets, which use its weights in tests
        iter        number of updates so far
        lr          rate of the next update
        param       the SolverParameter; base_lr may be set

    Raises   CaffeError for a solver file that Caffe refuses, RuntimeError("Could not open file ...") for a missing one
    """

    history_count = 1  # history blobs per parameter
    accumulates_gradients = False  # whether gradients change the history even at rate 0
    takes_momentum = True
    fractions: tuple[str, ...] = ()  # fields of the SolverParameter in [0, 1)

    def __init__(self, solver_file: str | Path) -> None:
        self.param = prototxt.read_solver(solver_file)
        net_log.write_param("Initializing solver from parameters", self.param, "solver.cpp")
        with attach_file(solver_file):
            self._check_param()
            if self.param.random_seed >= 0:
                rng.set_random_seed(self.param.random_seed + solver_rank.solver_rank())
            self.net = solver_nets.train_net(self.param)
            self.test_nets = solver_nets.test_nets(self.param)
        for weights in (path for entry in self.param.weights for path in entry.split(",")):
            for net in (self.net, *self.test_nets):
                log.info("Finetuning from %s", weights.strip())
                net.copy_from(weights.strip())
        if solver_rank.is_root_solver():
            log.info("Solver scaffolding done.")
        self.iter = 0
        self.history = [Blob(p.blob.dims) for _ in range(self.history_count) for p in self.net.learnable_params]
        self._current_step = 0
        self._loss = SmoothedLoss(self.param.average_loss)
        self._callbacks: list[tuple[Callable[[], None], Callable[[], None]]] = []
        self._saves_memory = self._updates_by_layer = False
        self._updated: set[int] = set()  # indices of the parameters that this iteration has updated already
        self._rate: float | None = None  # with which it updates them; one reading of `lr` per iteration

    # -- pycaffe's interface -------------------------------------------------------------------------------------

    @property
    def lr(self) -> float:
        """The rate of the next update. As in Caffe, reading it evaluates the policy and may advance `multistep`."""
        before, self._current_step = self._current_step, next_step(self.param, self.iter, self._current_step)
        if self.param.lr_policy == "multistep" and self._current_step > before:
            log.info("MultiStep Status: Iteration %d, step = %d", self.iter, self._current_step, extra=SGD_SOLVER)
        return learning_rate(self.param, self.iter, self._current_step)

    def step(self, iterations: int) -> None:
        """Make `iterations` updates, also beyond max_iter; the displayed loss starts from scratch."""
        stop = self.iter + iterations
        self._allocate_history()
        self._loss = SmoothedLoss(self.param.average_loss)
        shown = time.monotonic(), self.iter
        while self.iter < stop:
            self.net.clear_param_diffs()
            if self._is_due(self.param.test_interval) and (self.iter > 0 or self.param.test_initialization):
                self.test_all()
            for on_start, _ in self._callbacks:
                on_start()
            self.net.debug_info = self.param.debug_info and self._is_due(self.param.display)
            self._loss.add(sum(map(self._forward_backward, range(self.param.iter_size))) / self.param.iter_size)
            if self._is_due(self.param.display):
                shown = self._display(*shown)
            for _, on_gradients_ready in self._callbacks:
                on_gradients_ready()
            self.apply_update()
            if self._is_due(self.param.snapshot):
                self.snapshot()

    def solve(self, resume_file: str | Path | None = None) -> None:
        """Train to max_iter, from a .solverstate if given; then snapshot and test as the solver file asks."""
        log.info("Solving %s", self.net.name)
        log.info("Learning Rate Policy: %s", self.param.lr_policy)
        if resume_file is not None:
            log.info("Restoring previous solver status from %s", resume_file)
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
        """Convert the parameters' diffs to updates, subtract these, and count one iteration.

        Caffe's order: clip all gradients together; then per parameter divide by iter_size, add the decay and compute
        the update. Afterwards a parameter's diff contains its update.
        """
        rate = self.lr if self._rate is None else self._rate
        self._rate = None
        if self._is_due(self.param.display):
            log.info("Iteration %d, lr = %g", self.iter, rate, extra=SGD_SOLVER)
        self._clip()
        for index in range(len(self.net.learnable_params)):
            if index not in self._updated:
                self._update_param(index, rate)
        self._updated.clear()
        self.iter += 1

    def update(self, gradient: Tensor, rate: float, history: list[Tensor]) -> Tensor:
        """Return the update to subtract, elementwise; changes `history` in place, may change and return `gradient`."""
        raise NotImplementedError

    def save_memory(self) -> None:
        """From now on free gradients after their last use, and feature maps before they are recomputed.

        Feature maps: see Net.saves_memory. A layer's parameters are updated right after its part of an iteration's
        last backward pass, unless clipping, callbacks or snapshots need all gradients. An error within that pass then
        leaves some layers updated.
        """
        if not self._saves_memory:
            self._saves_memory = True
            self.net.saves_memory = True
            self.net.after_backward(self._update_layer)

    def share_weights(self, net: Net) -> None:
        """Let `net` use the train net's weights."""
        net.share_with(self.net)

    def add_callback(
        self, on_start: Callable[[], None] | Callback, on_gradients_ready: Callable[[], None] | None = None
    ) -> None:
        """Call these in every iteration: before its forward passes, and between its backward passes and the update.

        A Callback, such as an NCCL, replaces both functions.
        """
        if on_gradients_ready is None:
            callback: Any = on_start
            if not hasattr(callback, "on_gradients_ready"):
                raise TypeError("add_callback: got one function, expected on_start and on_gradients_ready, or an NCCL")
            on_start, on_gradients_ready = callback.on_start, callback.on_gradients_ready
        self._callbacks.append((cast("Callable[[], None]", on_start), on_gradients_ready))

    def test_all(self) -> None:
        """Run every test net for its test_iter passes and log the means of its outputs."""
        for index, net in enumerate(self.test_nets):
            self._test(index, net)

    # -- snapshots -----------------------------------------------------------------------------------------------

    def snapshot(self) -> None:
        """Write <prefix>_iter_<iter>.caffemodel and .solverstate (.h5 in HDF5 format), each atomically.

        Raises   OSError as writing does, while earlier snapshots persist; CaffeError in a solver of rank above 0
        """
        if not solver_rank.is_root_solver():
            raise CaffeError(f"the solver of rank {solver_rank.solver_rank()} cannot snapshot; only rank 0 can")
        suffix = ".h5" if self.param.snapshot_format == caffe_pb2.SolverParameter.HDF5 else ""
        stem = f"{self.param.snapshot_prefix}_iter_{self.iter}"
        model = f"{stem}.caffemodel{suffix}"
        form = "HDF5" if suffix else "binary proto"
        log.info("Snapshotting to %s file %s", form, model)
        (self.net.save_hdf5 if suffix else self.net.save)(model, with_diff=self.param.snapshot_diff)
        state_file = f"{stem}.solverstate{suffix}"
        log.info("Snapshotting solver state to %s file %s", form, state_file, extra=SGD_SOLVER)
        history = [StoredBlob(blob.dims, False, blob.data) for blob in self.history]
        solverstate.write(state_file, solverstate.SolverState(self.iter, model, self._current_step, history))

    def restore(self, state_file: str | Path) -> None:
        """Resume from a .solverstate and its weights file, which is relative to the working directory, as in Caffe.

        Raises   CaffeError naming the file if it does not fit this solver's net
        """
        state = solverstate.read(state_file)
        if not state.history and Path(state_file).suffix == ".caffemodel":
            raise CaffeError(f"{state_file}: got weights, expected a .solverstate. Fix: give it as weights")
        if len(state.history) != len(self.history):
            raise CaffeError(
                f"{state_file}: got {len(state.history)} history blobs, expected {len(self.history)}; "
                "the file is of another net or solver type"
            )
        for blob, stored in zip(self.history, state.history, strict=True):
            if stored.data.size != blob.count:
                raise CaffeError(
                    f"{stored.where}: got {stored.data.size} values for a parameter of shape {list(blob.dims)}; "
                    "the file is of another net"
                )
        if state.learned_net:
            with attach_file(state_file):
                self.net.copy_from(state.learned_net)
        log.info("SGDSolver: restoring history", extra=SGD_SOLVER)
        for blob, stored in zip(self.history, state.history, strict=True):
            stored.copy_to(blob)
        self.iter, self._current_step = state.iter, state.current_step

    # -- parts of a step -----------------------------------------------------------------------------------------

    def _is_due(self, interval: int) -> bool:
        """Return whether the root solver acts at this iteration for a given interval; 0 means never."""
        return interval > 0 and self.iter % interval == 0 and solver_rank.is_root_solver()

    def _forward_backward(self, number: int) -> float:
        last = len(self.net.layers) - 1
        loss = self.net._forward(0, last)
        kept_for = (self.param.clip_gradients >= 0, self.param.snapshot_diff, self._callbacks, self.net.debug_info)
        needs_all_gradients = any(kept_for)
        is_last = number == self.param.iter_size - 1
        self._updates_by_layer = self._saves_memory and is_last and not needs_all_gradients
        if self._updates_by_layer:
            self._rate = self.lr
        try:
            self.net._backward(last, 0)
        finally:
            self._updates_by_layer = False  # also after an error: a later backward pass by hand must not update
        if self.net.debug_info:
            net_log.write_norms(self.net)
        return loss

    def _allocate_history(self) -> None:
        """Allocate the permanent history before temporary memory, which would leave it between holes."""
        params = self.net.learnable_params
        for index, param in enumerate(params):
            if param.lr_mult:
                for blob in self.history[index :: len(params)]:
                    _ = blob.tensor

    def _update_layer(self, layer: int) -> None:
        """After a layer's backward, update the parameters it owns; all layers that share them have run backward."""
        if self._updates_by_layer:
            for index in self._owned_params.get(layer, ()):
                self._update_param(index, cast(float, self._rate))
                self._updated.add(index)
                self.net.learnable_params[index].blob.clear_gradient()

    @cached_property
    def _owned_params(self) -> dict[int, list[int]]:
        """The learnable parameters that each layer owns, by index."""
        layers = {id(layer): index for index, layer in enumerate(self.net.layers)}
        owned: dict[int, list[int]] = defaultdict(list)
        for index, param in enumerate(self.net.learnable_params):
            owned[layers[id(param.layer)]].append(index)
        return owned

    def _update_param(self, index: int, rate: float) -> None:
        """Convert a parameter's diff to its update and subtract that."""
        params = self.net.learnable_params
        param, history = params[index], self.history[index :: len(params)]
        local_rate = float(np.float32(rate) * np.float32(param.lr_mult))
        if local_rate == 0 and self._is_unaffected(param, history):
            return
        lazy = param.blob.lazy_gradient
        kept = [param.blob.tensor, *(blob.tensor for blob in history)]
        if self._updates_by_layer and lazy is not None:  # no later reader needs the whole gradient
            for part, gradient in lazy.parts():
                self._subtract(param, local_rate, [gradient, *(whole[part] for whole in kept)])
        else:
            self._subtract(param, local_rate, [param.blob.gradient, *kept])

    def _subtract(self, param: LearnableParam, rate: float, tensors: Sequence[Tensor]) -> None:
        """Convert a gradient, or part of it, to an update and subtract it; `tensors`: gradient, weights, history."""
        for gradient, weight, *history in split_elements(tensors):
            if self.param.iter_size > 1:
                gradient.mul_(1 / self.param.iter_size)
            self._regularize(gradient, weight, param.decay_mult)
            update = self.update(gradient, rate, history)
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
            log.info(
                "Gradient clipping: scaling down gradients (L2 norm %g > %g) by scale factor %g",
                norm, bound, bound / norm, extra=SGD_SOLVER,
            )  # fmt: skip
            for gradient in gradients:
                gradient.mul_(bound / norm)

    def _is_unaffected(self, param: LearnableParam, history: list[Blob]) -> bool:
        """Return whether rate 0 changes nothing; a frozen parameter then needs neither diff nor history."""
        is_blank = param.blob.gradient_is_blank and all(blob.is_blank for blob in history)
        return is_blank and not self.accumulates_gradients

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

    def _check_param(self) -> None:
        param = self.param
        for name in ("average_loss", "iter_size"):
            if getattr(param, name) < 1:
                raise CaffeError(f"{name} is {getattr(param, name)}; expected 1 or more")
        folder = Path(param.snapshot_prefix).parent
        if param.snapshot and not os.access(folder, os.W_OK):
            raise CaffeError(
                f"snapshot_prefix {param.snapshot_prefix!r}: expected an existing, writable folder. "
                f"Fix: mkdir -p {folder}"
            )
        if param.momentum and not self.takes_momentum:
            raise CaffeError(f"{type(self).__name__} takes no momentum; got {param.momentum:g}")
        for name in self.fractions:
            if not 0 <= getattr(param, name) < 1:
                raise CaffeError(f"{name} is {getattr(param, name):g}; expected 0 or more and less than 1")


def _log_outputs(phase: str, net: Net, values: dict[str, np.ndarray]) -> None:
    number = 0
    for name, array in values.items():
        weight = net.blob_loss_weights[name]
        for value in np.ravel(array):
            suffix = f" (* {weight:g} = {weight * value:g} loss)" if weight else ""
            log.info("    %s net output #%d: %s = %g%s", phase, number, name, value, suffix)
            number += 1
