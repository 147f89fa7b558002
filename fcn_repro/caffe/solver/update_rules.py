"""The six solver types: how an update is made of a gradient.

Unlike torch's optimisers, SGD and Nesterov keep the learning rate inside their history: when the rate changes, the
velocity gathered so far is not rescaled.

Source   caffe 9b89154 src/caffe/solvers/*.cpp, ComputeUpdateValue. m is momentum (0 unless given), g the gradient after
         division by iter_size and with the decay added, r the rate times lr_mult.
"""

from __future__ import annotations

import math
from pathlib import Path

from torch import Tensor

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import prototxt
from fcn_repro.caffe.solver.solver import Solver


class SGDSolver(Solver):
    """V = m V + r g; the update is V."""

    def update(self, gradient: Tensor, rate: float, history: list[Tensor]) -> Tensor:
        """See the class."""
        (velocity,) = history
        return velocity.mul_(self.param.momentum).add_(gradient, alpha=rate)


class NesterovSolver(SGDSolver):
    """V' = m V + r g; the update is (1 + m) V' - m V."""

    def update(self, gradient: Tensor, rate: float, history: list[Tensor]) -> Tensor:
        """See the class."""
        momentum = self.param.momentum
        previous = history[0].clone()
        return (1 + momentum) * super().update(gradient, rate, history) - momentum * previous


class AdaGradSolver(SGDSolver):
    """h += g^2; the update is r g / (sqrt(h) + delta)."""

    remembers_gradients = True

    def _check(self) -> None:
        super()._check()
        _refuse_momentum(self)

    def update(self, gradient: Tensor, rate: float, history: list[Tensor]) -> Tensor:
        """See the class."""
        (squares,) = history
        squares.addcmul_(gradient, gradient)
        return gradient.mul_(rate).div_(squares.sqrt().add_(self.param.delta))


class RMSPropSolver(SGDSolver):
    """h = d h + (1-d) g^2 with d = rms_decay; the update is r g / (sqrt(h) + delta)."""

    remembers_gradients = True

    def _check(self) -> None:
        super()._check()
        _refuse_momentum(self)
        _require_fraction(self, "rms_decay")

    def update(self, gradient: Tensor, rate: float, history: list[Tensor]) -> Tensor:
        """See the class."""
        (squares,) = history
        decay = self.param.rms_decay
        squares.mul_(decay).addcmul_(gradient, gradient, value=1 - decay)
        return gradient.mul_(rate).div_(squares.sqrt().add_(self.param.delta))


class AdaDeltaSolver(SGDSolver):
    """h = m h + (1-m) g^2; u = g sqrt((k + delta) / (h + delta)); k = m k + (1-m) u^2; the update is r u."""

    histories = 2
    remembers_gradients = True

    def update(self, gradient: Tensor, rate: float, history: list[Tensor]) -> Tensor:
        """See the class."""
        squares, updates = history
        momentum, delta = self.param.momentum, self.param.delta
        squares.mul_(momentum).addcmul_(gradient, gradient, value=1 - momentum)
        update = gradient.mul_(((updates + delta) / (squares + delta)).sqrt_())
        updates.mul_(momentum).addcmul_(update, update, value=1 - momentum)
        return update.mul_(rate)


class AdamSolver(SGDSolver):
    """a = m a + (1-m) g; v = b v + (1-b) g^2 with b = momentum2; t = iter + 1;
    the update is r sqrt(1-b^t) / (1-m^t) a / (sqrt(v) + delta). torch adds delta after the correction instead."""

    histories = 2
    remembers_gradients = True

    def _check(self) -> None:
        super()._check()
        _require_fraction(self, "momentum")
        _require_fraction(self, "momentum2")

    def update(self, gradient: Tensor, rate: float, history: list[Tensor]) -> Tensor:
        """See the class."""
        mean, squares = history
        first, second, t = self.param.momentum, self.param.momentum2, self.iter + 1
        mean.mul_(first).add_(gradient, alpha=1 - first)
        squares.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        correction = math.sqrt(1 - second**t) / (1 - first**t)
        return mean.div(squares.sqrt().add_(self.param.delta)).mul_(rate * correction)


SOLVER_TYPES: dict[str, type[SGDSolver]] = {
    "SGD": SGDSolver,
    "Nesterov": NesterovSolver,
    "AdaGrad": AdaGradSolver,
    "RMSProp": RMSPropSolver,
    "AdaDelta": AdaDeltaSolver,
    "Adam": AdamSolver,
}


def get_solver(solver_file: str | Path) -> SGDSolver:
    """The solver that the file's `type` names.

    Raises   CaffeError for an unknown type.
    """
    kind = prototxt.read_solver(solver_file).type
    if kind not in SOLVER_TYPES:
        raise CaffeError(f"{solver_file}: unknown solver type {kind!r}; known types: {', '.join(SOLVER_TYPES)}")
    return SOLVER_TYPES[kind](solver_file)


def _refuse_momentum(solver: Solver) -> None:
    if solver.param.momentum:
        raise CaffeError(f"{type(solver).__name__} takes no momentum; the file has {solver.param.momentum:g}")


def _require_fraction(solver: Solver, name: str) -> None:
    value = getattr(solver.param, name)
    if not 0 <= value < 1:
        raise CaffeError(f"{name} is {value:g}; expected 0 or more and less than 1")
