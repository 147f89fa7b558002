"""The SolverParameter of an experiment: the columns of its row, and the values that all experiments share.

Source   reference 1305c73, solver.prototxt of every directory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fcn_repro.engine import caffe
from solvers.experiments import Experiment

NEVER = 999_999_999  # no Caffe test: it cannot mix images of different sizes. The trainer scores


def solver(row: Experiment, train_net: Path, test_net: Path, test_iter: int, snapshot_prefix: Path) -> Any:
    """The SolverParameter of an experiment; `test_iter` is the number of images in the scored split."""
    return caffe.proto.caffe_pb2.SolverParameter(
        train_net=str(train_net),
        test_net=[str(test_net)],
        test_iter=[test_iter],
        test_interval=NEVER,
        test_initialization=False,
        base_lr=row.base_lr,
        lr_policy="fixed" if row.regime.power is None else "poly",
        power=row.regime.power,
        type=row.regime.solver,
        momentum=row.regime.momentum,
        momentum2=row.regime.momentum2,
        weight_decay=row.regime.weight_decay,
        iter_size=row.regime.iter_size,
        max_iter=row.max_iter,
        random_seed=row.seed,
        display=20,
        average_loss=20,
        snapshot=row.snapshot,
        snapshot_prefix=str(snapshot_prefix),
    )
