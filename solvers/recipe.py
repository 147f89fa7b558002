"""How an experiment's row trains: its recipe, and the files of weights that it starts from."""

from __future__ import annotations

from pathlib import Path

from fcn_repro.datasets import DATASETS
from fcn_repro.model.run_folder import RunFolder, classifier_weights
from fcn_repro.paths import BUILD
from fcn_repro.training.recipe import Recipe
from solvers.experiments import WEIGHTS, Experiment, classifier_of


def make_recipe(row: Experiment, build_folder: Path = BUILD) -> Recipe:
    """The recipe of a row; weights of other runs lie in `build_folder`."""
    init = {suffix: find_init_weights(source, build_folder) for suffix, source in row.sources.items()}
    fixed = find_init_weights(row.fixed.weights, build_folder) if row.fixed else None
    return Recipe(*row.iterations, init, list(DATASETS[row.data].heads.values()), fixed)


def find_init_weights(source: str, build_folder: Path = BUILD) -> Path:
    """The file of a row's `init`: a file itself, a convolutionalised classifier, or another run's final weights."""
    if source.endswith(WEIGHTS):
        return Path(source)
    return classifier_weights(source, build_folder) if classifier_of(source) else RunFolder(source, build_folder).final
