"""Print the loss of every step of a solver, on the engine that ENGINE names.

python -m tests.oracle.first_steps SOLVER WEIGHTS STEPS
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fcn_repro import datasets, device
from fcn_repro.engine import caffe
from fcn_repro.model.initial_weights import initialise


def main(solver_file: str, weights: str, steps: str) -> None:
    """Train from the weights."""
    device.choose(-1)
    datasets.register()
    solver = caffe.get_solver(solver_file)
    initialise(solver.net, {"": Path(weights)})
    losses = []
    for _ in range(int(steps)):
        solver.step(1)
        losses.append(float(solver.net.blobs["loss"].data))
    sys.stdout.write(f"{json.dumps(losses)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
