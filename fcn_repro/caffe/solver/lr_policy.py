"""Learning rate policies: pure functions of the iteration.

Source   caffe 9b89154 sgd_solver.cpp, SGDSolver::GetLearningRate. Rates equal Caffe's except for the last bit of a
         few: C++ computes powers with an integer exponent in double precision, and the rest in single.
"""

from collections.abc import Callable

import numpy as np

from fcn_repro.caffe.errors import CaffeError

_single = np.float32
_ONE = _single(1)


def _power(base: float | np.floating, exponent: float) -> np.float64:
    return np.float64(base) ** exponent  # NaN, not complex, where there is no real power


def _exp(exponent: float | np.floating) -> np.float32:
    return _single(np.exp(np.float64(exponent)))


# The factor on base_lr.
POLICIES: dict[str, Callable] = {
    "fixed": lambda p, iteration, step: _ONE,
    "step": lambda p, iteration, step: _power(p.gamma, step),
    "exp": lambda p, iteration, step: _power(p.gamma, iteration),
    "inv": lambda p, iteration, step: _single(_power(_ONE + _single(p.gamma) * _single(iteration), -p.power)),
    "multistep": lambda p, iteration, step: _power(p.gamma, step),
    "poly": lambda p, iteration, step: _single(_power(_ONE - _single(iteration) / _single(p.max_iter), p.power)),
    "sigmoid": lambda p, iteration, step: _ONE / (_ONE + _exp(-_single(p.gamma) * _single(iteration - p.stepsize))),
}


def learning_rate(param, iteration: int, current_step: int) -> float:
    """Return the rate of the update after `iteration` updates; `current_step` counts steps of `step` and `multistep`.

    `sigmoid` rises with the iteration, as in Caffe. `poly` is NaN beyond max_iter for a fractional power.

    Raises   CaffeError for an unknown policy, or parameters that Caffe refuses
    """
    if param.lr_policy not in POLICIES:
        raise CaffeError(f"unknown lr_policy {param.lr_policy!r}; known policies: {', '.join(POLICIES)}")
    if param.lr_policy in ("step", "exp", "inv", "multistep", "sigmoid") and param.gamma < 0:
        raise CaffeError(f"lr_policy {param.lr_policy!r} has gamma {param.gamma:g}; expected 0 or more")
    if param.lr_policy in ("step", "sigmoid") and param.stepsize <= 0:
        raise CaffeError(f"lr_policy {param.lr_policy!r} has stepsize {param.stepsize}; expected more than 0")
    with np.errstate(all="ignore"):
        return float(_single(param.base_lr * POLICIES[param.lr_policy](param, iteration, current_step)))


def next_step(param, iteration: int, current_step: int) -> int:
    """Return the step counter after this evaluation of the rate; `multistep` rises by at most one per evaluation."""
    if param.lr_policy == "step" and param.stepsize > 0:
        return iteration // param.stepsize
    if param.lr_policy == "multistep" and current_step < len(param.stepvalue):
        return current_step + (iteration >= param.stepvalue[current_step])
    return current_step
