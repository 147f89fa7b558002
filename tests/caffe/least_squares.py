"""A small problem to train on, and the same training in float64, written from the formulas and without the engine."""

from __future__ import annotations

import json
import math
from itertools import count
from pathlib import Path

import numpy as np

from fcn_repro import caffe
from tests.caffe.small_net import write

NET = """
name: "least squares"
layer {{ name: "in" type: "DummyData" top: "data" top: "target"
         dummy_data_param {{ shape {{ dim: 4 dim: 3 }} shape {{ dim: 4 dim: 2 }} }} }}
layer {{ name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param {{ num_output: 2 }}
         param {{ {} }} param {{ {} }} }}
layer {{ name: "loss" type: "EuclideanLoss" bottom: "ip" bottom: "target" top: "loss" }}
"""
WEIGHT, BIAS = [[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]], [0.5, -0.5]

Options = dict[str, float | str]
Multipliers = tuple[tuple[float, float], tuple[float, float]]  # lr_mult and decay_mult of weights and bias


def batch(index: int) -> tuple[np.ndarray, np.ndarray]:
    """Data (4, 3) and targets (4, 2) of one forward pass."""
    draw = np.random.default_rng(index)
    return draw.standard_normal((4, 3)), 3 * draw.standard_normal((4, 2))


def feed(net: caffe.Net, begin: int = 0) -> None:
    """Let every forward pass see the next batch."""
    batches = map(batch, count(begin))

    def next_batch(layer: int) -> None:
        if layer == 0:
            net.blobs["data"].data[...], net.blobs["target"].data[...] = next(batches)

    net.after_forward(next_batch)


def solver_file(
    folder: Path, options: Options, multipliers: Multipliers = ((1, 1), (2, 0)), net_options: str = ""
) -> str:
    """A solver file for the problem; returns its path."""
    net = write(folder, net_options + NET.format(*(f"lr_mult: {lr} decay_mult: {decay}" for lr, decay in multipliers)))
    chosen = {"net": net, "base_lr": 0.1, "lr_policy": "fixed", "snapshot_prefix": f"{folder}/train", **options}
    lines = [f"{name}: {json.dumps(value)}" for name, value in chosen.items() if value != ""]
    return write(folder, "\n".join(lines), "solver.prototxt")


def make_solver(
    folder: Path, options: Options, multipliers: Multipliers = ((1, 1), (2, 0)), net_options: str = ""
) -> caffe.SGDSolver:
    """A solver of the problem that begins with WEIGHT and BIAS."""
    solver = caffe.get_solver(solver_file(folder, options, multipliers, net_options))
    for blob, values in zip(solver.net.params["ip"], (WEIGHT, BIAS), strict=True):
        blob.data[...] = values
    for net in (solver.net, *solver.test_nets):
        feed(net)
    return solver


class Simulation:
    """What a solver of the problem should do."""

    def __init__(self, options: Options, multipliers: Multipliers = ((1, 1), (2, 0))) -> None:
        self.options = options
        self.multipliers = multipliers
        self.params = [np.array(WEIGHT), np.array(BIAS)]
        self.memory = [(np.zeros_like(p), np.zeros_like(p)) for p in self.params]
        self.iter = self.passes = 0

    def step(self, rate: float) -> list[np.ndarray]:
        """One iteration; returns what was subtracted from weights and bias."""
        size = self._option("iter_size", 1)
        total = [sum(parts) for parts in zip(*(self._gradients() for _ in range(size)), strict=True)]
        bound, norm = self._option("clip_gradients", -1), math.sqrt(sum((g**2).sum() for g in total))
        if 0 <= bound < norm:
            total = [g * bound / norm for g in total]
        updates = []
        for param, g, (lr, decay), memory in zip(self.params, total, self.multipliers, self.memory, strict=True):
            penalty = np.sign(param) if self.options.get("regularization_type") == "L1" else param
            g = g / size + self._option("weight_decay", 0) * decay * penalty
            updates.append(self._update(g, rate * lr, *memory))
            param -= updates[-1]
        self.iter += 1
        return updates

    def batch(self) -> tuple[np.ndarray, np.ndarray]:
        """Data and targets of the next pass."""
        self.passes += 1
        return batch(self.passes - 1)

    def _option(self, name: str, default: float) -> float:
        return self.options.get(name, default)

    def _gradients(self) -> list[np.ndarray]:
        data, target = self.batch()
        error = (data @ self.params[0].T + self.params[1] - target) / len(data)
        return [error.T @ data, error.sum(0)]

    def _update(self, g: np.ndarray, rate: float, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        m, delta = self._option("momentum", 0), self._option("delta", 1e-8)
        match self.options.get("type", "SGD"):
            case "SGD":
                a[...] = m * a + rate * g
                return a.copy()
            case "Nesterov":
                old = a.copy()
                a[...] = m * a + rate * g
                return (1 + m) * a - m * old
            case "AdaGrad":
                a += g**2
                return rate * g / (np.sqrt(a) + delta)
            case "RMSProp":
                decay = self._option("rms_decay", 0.99)
                a[...] = decay * a + (1 - decay) * g**2
                return rate * g / (np.sqrt(a) + delta)
            case "AdaDelta":
                a[...] = m * a + (1 - m) * g**2
                update = g * np.sqrt((b + delta) / (a + delta))
                b[...] = m * b + (1 - m) * update**2
                return rate * update
            case "Adam":
                n, t = self._option("momentum2", 0.999), self.iter + 1
                a[...] = m * a + (1 - m) * g
                b[...] = n * b + (1 - n) * g**2
                return rate * math.sqrt(1 - n**t) / (1 - m**t) * a / (np.sqrt(b) + delta)
        raise AssertionError(self.options["type"])
