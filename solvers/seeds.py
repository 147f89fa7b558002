"""Repeat the mini experiment with other random seeds, its classifier included, and report the spread of its scores."""

from __future__ import annotations

import statistics
from dataclasses import replace
from pathlib import Path
from typing import Sequence

from fcn_repro.datasets import DATASETS, PREPARE, DataSet
from fcn_repro.evaluation.metrics import METRICS
from fcn_repro.evaluation.score_report import headline, read_report
from fcn_repro.model.run_folder import CLASSIFIER_NETS, RunFolder, classifier_weights
from fcn_repro.model.surgery import convolutionalise
from fcn_repro.paths import BUILD
from fcn_repro.training import train_log
from fcn_repro.training.trainer import solve
from solvers.emit import emit_classifier, emit_experiment
from solvers.experiments import EXPERIMENTS, Experiment
from solvers.recipe import make_recipe

CLASSIFIER, STAGES = "mini-vgg16", ("mini-fcn32s", "mini-fcn16s", "mini-fcn8s")
CONVOLUTIONAL = f"{CLASSIFIER}-fcn"


COLUMNS = ("experiment", *(metric.replace("_", " ") for metric in METRICS), "images/s")


def train_seeds(seeds: Sequence[int], device: str) -> list[list[str]]:
    """Train the classifier and every stage with each seed; the rows of a table, one per net."""
    PREPARE["mini"]()
    emit_classifier(CONVOLUTIONAL)
    places = [BUILD / "seeds" / str(seed) for seed in seeds]
    for seed, place in zip(seeds, places):
        train_row(replace(EXPERIMENTS[CLASSIFIER], seed=seed), place, device)
        dense, deploy = RunFolder(CLASSIFIER, place), RunFolder(CONVOLUTIONAL, CLASSIFIER_NETS).deploy
        convolutionalise(dense.deploy, dense.final, deploy, classifier_weights(CONVOLUTIONAL, place))
        for stage in STAGES:
            train_row(replace(EXPERIMENTS[stage], seed=seed), place, device)
    return [describe_spread([RunFolder(name, place) for place in places]) for name in (CLASSIFIER, *STAGES)]


def train_row(row: Experiment, build_folder: Path, device: str) -> None:
    """Train a row with its seed; its files go to `build_folder`."""
    emit_experiment(row, build_folder, seed_data_set(DATASETS[row.data], row.seed))
    solve(RunFolder(row.name, build_folder), make_recipe(row, build_folder), device=device)


def seed_data_set(data: DataSet, seed: int | None) -> DataSet:
    """Order a data set's training images by another seed."""
    return replace(data, train=replace(data.train, params={**data.train.params, "seed": seed}))


def describe_spread(runs: Sequence[RunFolder]) -> list[str]:
    """A row: for each metric the mean, the lowest and the highest value over the runs; the median images per second."""
    cells = [runs[0].experiment]
    for metric in METRICS:
        values = [100 * headline(read_report(run.score))[metric] for run in runs]
        cells.append(f"{statistics.mean(values):.1f} ({min(values):.1f}-{max(values):.1f})")
    speeds = [row["images_per_s"] for run in runs for row in train_log.read(run.log)]
    return [*cells, f"{statistics.median(float(speed) for speed in speeds if speed):.3g}"]
