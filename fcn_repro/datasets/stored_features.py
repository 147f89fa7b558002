"""Stored feature maps: the outputs of a fixed trunk for every image of a split, read in place of the images.

FOLDER/SPLIT/TAP/ITEM.npy   float16 (C, H, W): the tap's blob for one image, rounded to 11 bits of mantissa

`fcn_repro.model.store_features` writes them; `fcn_repro.model.fixed_trunk` cuts the net that reads them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Sequence

import numpy as np

from fcn_repro.datasets.data_layer import SegDataLayer, open_data_layer
from fcn_repro.datasets.data_set import LayerSpec
from fcn_repro.errors import DataError

MODULE = "stored_feature_layers"  # as prototxts name this module


def make_features_layer(source: LayerSpec, folder: Path | str, taps: Sequence[str]) -> LayerSpec:
    """The layer that serves stored feature maps, and the labels of `source`, in the order of `source`."""
    params = {
        "source": (source.module, source.layer, dict(source.params)),
        "folder": str(folder),
        "taps": tuple(taps),
        **{key: source.params[key] for key in ("split", "seed") if key in source.params},
    }
    return LayerSpec(MODULE, "StoredFeaturesLayer", params)


def feature_file(folder: Path | str, split: str, tap: str, item: str) -> Path:
    """The file of one tap for one image."""
    return Path(folder, split, tap, f"{item}.npy")


class StoredFeaturesLayer(SegDataLayer):
    """Serves stored feature maps and the labels of another data layer, whose split and order it has.

    Tops        one per tap (1, C, H, W), then the labels (1, 1, H, W)
    param_str   source (module, layer, params) · folder · taps · split; optionally randomize, seed
    """

    required = ("source", "folder", "taps", "split")

    def setup(self, bottom: Sequence[Any], top: Sequence[Any]) -> None:
        """Open the source, which lists the items and loads the labels, then set up as usual."""
        options = self._parse(self.param_str)
        module, layer, params = options["source"]
        self.source = open_data_layer(LayerSpec(module, layer, {**params, "randomize": False}))
        self.facts = self.source.facts
        self._labels = len(self.facts.heads)
        self.top_names = (*options["taps"], *self.source.top_names[-self._labels :])
        super().setup(bottom, top)

    def list_file(self) -> Path:
        """The list of the source's split."""
        return self.source.list_file()

    def load(self, item: str) -> Sequence[np.ndarray]:
        """Load the feature maps of an id, as float32, and its labels."""
        return [*(self._load_tap(tap, item) for tap in self.options["taps"]), *self.source.load(item)[-self._labels :]]

    def input_image(self, number: int, blobs: Mapping[str, Any]) -> np.ndarray:
        """The source's image of an item: (C, H, W)."""
        return self.source.load(self.items[number])[0]

    def _load_tap(self, tap: str, item: str) -> np.ndarray:
        path = feature_file(self.options["folder"], self.options["split"], tap, item)
        try:
            with open(path, "rb") as file:
                return np.lib.format.read_array(file, allow_pickle=False).astype(np.float32)
        except (OSError, ValueError) as error:
            remedy = "Fix: remove it if it exists, and run the same tools.solve or make command again"
            raise DataError(f"{path}: {error}; expected a stored feature map. {remedy}") from error
