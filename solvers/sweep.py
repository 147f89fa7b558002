"""Train an experiment for a short while at each of several learning rates, and compare."""

from __future__ import annotations

from dataclasses import replace
from typing import Sequence

from fcn_repro.evaluation.score_report import headline, read_report
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.paths import BUILD
from fcn_repro.training import train_log
from fcn_repro.training.divergence import Diverged
from fcn_repro.training.trainer import solve
from solvers.emit import emit_experiment
from solvers.experiments import Experiment
from solvers.features import store_row_features
from solvers.recipe import make_recipe

SWEEP = BUILD / "sweep"


COLUMNS = ("base_lr", "loss per pixel", "mean IU")


def sweep_rates(row: Experiment, rates: Sequence[float], iterations: int, device: str) -> list[list[str]]:
    """Train a row at every rate; the rows of a table."""
    return [try_rate(replace(row, base_lr=rate), iterations, device) for rate in rates]


def try_rate(row: Experiment, iterations: int, device: str) -> list[str]:
    """Train at a row's rate; the rate, the final loss and mean IU, or the word diverged."""
    folder = RunFolder(row.name, SWEEP / f"{row.base_lr:g}")
    emit_experiment(row, folder.build)
    store_row_features(row, folder)
    try:
        solve(folder, make_recipe(row), iterations, device)
    except Diverged:
        return [f"{row.base_lr:g}", "diverged", ""]
    losses = [entry["loss_per_pixel"] for entry in train_log.read(folder.log)]
    return [f"{row.base_lr:g}", losses[-1], f"{100 * headline(read_report(folder.score))['mean_iu']:.2f}"]
