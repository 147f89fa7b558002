"""Learning rate policies: pure functions of the iteration.

Source   caffe 9b89154 sgd_solver.cpp, SGDSolver::GetLearningRate. All numbers are float32 there, and here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fcn_repro.caffe.errors import CaffeError

POLICIES: dict[str, Callable] = {
    "fixed": lambda p, iteration, step: p.base_lr,
    "step": lambda p, iteration, step: p.base_lr * np.float32(p.gamma) ** np.float32(step),
    "exp": lambda p, iteration, step: p.base_lr * np.float32(p.gamma) ** np.float32(iteration),
    "inv": lambda p, iteration, step: p.base_lr * (1 + np.float32(p.gamma) * iteration) ** -np.float32(p.power),
    "multistep": lambda p, iteration, step: p.base_lr * np.float32(p.gamma) ** np.float32(step),
    "poly": lambda p, iteration, step: p.base_lr * np.float32(1 - iteration / p.max_iter) ** np.float32(p.power),
    "sigmoid": lambda p, iteration, step: p.base_lr / (1 + np.exp(-np.float32(p.gamma) * (iteration - p.stepsize))),
}


def learning_rate(param, iteration: int, current_step: int) -> float:
    """The rate for the update after `iteration` updates; `current_step` counts the steps of `step` and `multistep`.

    `sigmoid` rises with the iteration, as in Caffe; `poly` is NaN beyond max_iter for a fractional power.

    Raises   CaffeError for an unknown policy or parameters that Caffe refuses.
    """
    if param.lr_policy not in POLICIES:
        raise CaffeError(f"unknown lr_policy {param.lr_policy!r}; known policies: {', '.join(POLICIES)}")
    if param.lr_policy in ("step", "exp", "inv", "multistep", "sigmoid") and param.gamma < 0:
        raise CaffeError(f"lr_policy {param.lr_policy!r} has gamma {param.gamma}; expected 0 or more")
    if param.lr_policy in ("step", "sigmoid") and param.stepsize <= 0:
        raise CaffeError(f"lr_policy {param.lr_policy!r} has stepsize {param.stepsize}; expected more than 0")
    with np.errstate(invalid="ignore", over="ignore"):
        return float(np.float32(POLICIES[param.lr_policy](param, iteration, current_step)))


def next_step(param, iteration: int, current_step: int) -> int:
    """The step counter as this evaluation of the rate leaves it; `multistep` climbs by at most one a time."""
    if param.lr_policy == "step" and param.stepsize > 0:
        return iteration // param.stepsize
    if param.lr_policy == "multistep" and current_step < len(param.stepvalue):
        return current_step + (iteration >= param.stepvalue[current_step])
    return current_step
