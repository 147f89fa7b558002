"""Print the losses of every step of a solver, on the engine that ENGINE names.

    python -m tests.oracle.first_steps SOLVER WEIGHTS STEPS

Prints   a line of JSON: `engine`, the losses that the net computes, and `exact`, those of the same scores in float64
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from fcn_repro import datasets, device
from fcn_repro.datasets.data_set import VOID
from fcn_repro.engine import caffe
from fcn_repro.model.initial_weights import initialise


def main(solver_file: str, weights: str, steps: str) -> None:
    """Train from the weights."""
    device.choose(-1)
    datasets.register()
    solver = caffe.get_solver(solver_file)
    initialise(solver.net, {"": Path(weights)})
    losses: dict[str, list[float]] = {"engine": [], "exact": []}
    for _ in range(int(steps)):
        solver.step(1)
        blobs = solver.net.blobs
        losses["engine"].append(float(blobs["loss"].data))
        losses["exact"].append(sum_losses(blobs["score"].data, blobs["label"].data))
    sys.stdout.write(f"{json.dumps(losses)}\n")


def sum_losses(scores: Any, labels: Any) -> float:
    """The cross entropy of scores (1, C, H, W) and labels (1, 1, H, W), summed over the labelled pixels."""
    score = np.asarray(scores[0], np.float64)
    label = np.asarray(labels[0, 0], int)
    rows, columns = np.nonzero(label != VOID)
    shifted = score - score.max(axis=0)
    log_sum = np.log(np.exp(shifted).sum(axis=0))
    return float((log_sum[rows, columns] - shifted[label[rows, columns], rows, columns]).sum())


if __name__ == "__main__":
    main(*sys.argv[1:])
