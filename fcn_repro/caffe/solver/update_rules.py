"""The six solver types: how a gradient becomes an update.

Unlike torch's optimisers, SGD and Nesterov keep the learning rate inside their history: a new rate does not rescale
the existing velocity.

Source   caffe 9b89154 src/caffe/solvers/*.cpp, ComputeUpdateValue. m is momentum (by default 0), g the gradient after
         division by iter_size and with decay, r the rate times lr_mult.
"""

import math
from pathlib import Path

from torch import Tensor

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import prototxt
from fcn_repro.caffe.solver.solver import Solver


class SGDSolver(Solver):
    """V = m V + r g; the update is V."""

    def update(self, gradient: Tensor, rate: float, history: list[Tensor]) -> Tensor:
        (velocity,) = history
        return velocity.mul_(self.param.momentum).add_(gradient, alpha=rate)


class NesterovSolver(SGDSolver):
    """V' = m V + r g; the update is (1 + m) V' - m V."""

    def update(self, gradient: Tensor, rate: float, history: list[Tensor]) -> Tensor:
        momentum = self.param.momentum
        previous = history[0].clone()
        return (1 + momentum) * super().update(gradient, rate, history) - momentum * previous


class AdaGradSolver(SGDSolver):
    """h += g^2; the update is r g / (sqrt(h) + delta)."""

    takes_momentum = False
    accumulates_gradients = True

    def update(self, gradient: Tensor, rate: float, history: list[Tensor]) -> Tensor:
        (squares,) = history
        squares.addcmul_(gradient, gradient)
        return gradient.mul_(rate).div_(squares.sqrt().add_(self.param.delta))


class RMSPropSolver(SGDSolver):
    """h = d h + (1-d) g^2 with d = rms_decay; the update is r g / (sqrt(h) + delta)."""

    takes_momentum = False
    fractions = ("rms_decay",)
    accumulates_gradients = True

    def update(self, gradient: Tensor, rate: float, history: list[Tensor]) -> Tensor:
        (squares,) = history
        decay = self.param.rms_decay
        squares.mul_(decay).addcmul_(gradient, gradient, value=1 - decay)
        return gradient.mul_(rate).div_(squares.sqrt().add_(self.param.delta))


class AdaDeltaSolver(SGDSolver):
    """h = m h + (1-m) g^2; u = g sqrt((k + delta) / (h + delta)); k = m k + (1-m) u^2; the update is r u."""

    history_count = 2
    accumulates_gradients = True

    def update(self, gradient: Tensor, rate: float, history: list[Tensor]) -> Tensor:
        squares, updates = history
        momentum, delta = self.param.momentum, self.param.delta
        squares.mul_(momentum).addcmul_(gradient, gradient, value=1 - momentum)
        update = gradient.mul_(((updates + delta) / (squares + delta)).sqrt_())
        updates.mul_(momentum).addcmul_(update, update, value=1 - momentum)
        return update.mul_(rate)


class AdamSolver(SGDSolver):
    """a = m a + (1-m) g; v = b v + (1-b) g^2 with b = momentum2; t = iter + 1;
    the update is r sqrt(1-b^t) / (1-m^t) a / (sqrt(v) + delta). torch adds delta after the correction instead."""

    history_count = 2
    fractions = ("momentum", "momentum2")
    accumulates_gradients = True

    def update(self, gradient: Tensor, rate: float, history: list[Tensor]) -> Tensor:
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
    """Return a solver of the file's `type`.

    Raises   CaffeError for an unknown type
    """
    kind = prototxt.read_solver(solver_file).type
    if kind not in SOLVER_TYPES:
        raise CaffeError(f"{solver_file}: unknown solver type {kind!r}; known types: {', '.join(SOLVER_TYPES)}")
    return SOLVER_TYPES[kind](solver_file)
