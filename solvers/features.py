"""The stored outputs of a row's fixed trunk: where they lie, and how they are computed."""

from __future__ import annotations

from pathlib import Path

from fcn_repro.datasets import DATASETS, register
from fcn_repro.datasets.data_layer import open_data_layer
from fcn_repro.datasets.data_set import LayerSpec
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.model.store_features import store_features
from fcn_repro.paths import BUILD
from solvers.experiments import Experiment
from solvers.recipe import find_init_weights

FEATURES = "features"  # a folder of `build`


def feature_folder(row: Experiment, build_folder: Path = BUILD) -> Path:
    """Where the features of a row's trunk lie; rows of one data set and trunk share them."""
    assert row.fixed is not None
    source = Path(row.fixed.weights).stem if row.fixed.weights.endswith(".caffemodel") else row.fixed.weights
    return build_folder / FEATURES / row.data / source


def store_row_features(row: Experiment, build_folder: Path = BUILD) -> None:
    """Compute what is missing of the features of a row's trunk, for both splits. Rows without one need none.

    Raises   as `store_features`
    """
    if row.fixed is None:
        return
    register()
    data = DATASETS[row.data]
    weights = find_init_weights(row.fixed.weights, build_folder)
    for source in data.train, data.val:
        layer = open_data_layer(LayerSpec(source.module, source.layer, {**source.params, "randomize": False}))
        trunk = RunFolder(row.name, build_folder).trunk
        taps = (*row.fixed.kept, *row.fixed.taps)
        store_features(trunk, weights, layer, taps, feature_folder(row, build_folder))
