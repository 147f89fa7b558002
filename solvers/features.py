"""The stored outputs of a row's fixed trunk: where they lie, and how they are computed."""

from __future__ import annotations

from pathlib import Path

from fcn_repro.datasets import DATASETS, register
from fcn_repro.datasets.data_layer import open_data_layer
from fcn_repro.datasets.data_set import LayerSpec
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.model.store_features import store_features
from fcn_repro.paths import BUILD
from solvers.experiments import WEIGHTS, Experiment
from solvers.recipe import find_init_weights

FEATURES = "features"  # a folder of `build`


def feature_folder(row: Experiment) -> Path:
    """Where the features of a row's trunk lie; rows of one data set and trunk share them."""
    assert row.fixed is not None
    source = row.fixed.weights
    return BUILD / FEATURES / row.data / (Path(source).stem if source.endswith(WEIGHTS) else source)


def store_row_features(row: Experiment, folder: RunFolder) -> None:
    """Compute what is missing of the features of a row's trunk, for both splits. Rows without one need none.

    `folder` holds the row's prototxts.

    Raises   as `store_features`
    """
    if row.fixed is None:
        return
    register()
    data, weights = DATASETS[row.data], find_init_weights(row.fixed.weights)
    taps = (*row.fixed.kept, *row.fixed.taps)
    for source in data.train, data.val:
        layer = open_data_layer(LayerSpec(source.module, source.layer, {**source.params, "randomize": False}))
        store_features(folder.trunk, weights, layer, taps, feature_folder(row))
