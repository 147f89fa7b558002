"""Stored feature maps: the outputs of a fixed trunk for every image of a split, read in place of the images.

FOLDER/SPLIT/TAP/ITEM.npy   float16 (C, H, W): the tap's blob for one image, rounded to 11 bits of mantissa

`fcn_repro.model.store_features` writes them; `fcn_repro.model.fixed_trunk` cuts the net that reads them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Hashable, Mapping, Sequence

import numpy as np

from fcn_repro.datasets.augmentation import OFF
from fcn_repro.datasets.data_layer import SegDataLayer, open_data_layer
from fcn_repro.datasets.data_set import LayerSpec
from fcn_repro.datasets.sampling_order import SamplingOrder
from fcn_repro.errors import DataError

MODULE = "stored_feature_layers"  # as prototxts name this module


def make_features_layer(source: LayerSpec, folder: Path | str, taps: Sequence[str]) -> LayerSpec:
    """The layer that serves stored feature maps, and the labels of `source`, in the order of `source`.

    Raises   ValueError for an augmentation of images, whose features are not stored
    """
    varied = {key: value for key, value in source.params.items() if key in OFF}
    if set(varied) - {"keep", "keep_background"}:
        raise ValueError(f"stored features: got {', '.join(varied)}; expected only augmentations of labels")
    params = {
        **varied,
        "source": (source.module, source.layer, {k: v for k, v in source.params.items() if k not in OFF}),
        "folder": str(folder),
        "taps": tuple(taps),
        **{key: source.params[key] for key in ("split", "seed") if key in source.params},
    }
    return LayerSpec(MODULE, "StoredFeaturesLayer", params)


def make_cells_layer(features: LayerSpec, images: int, window: tuple[int, int]) -> LayerSpec:
    """The layer that serves the cells of some images per pass; `window` is the side and the step of what they read."""
    stride, first = OFF["cells"]
    cells = {"images": images, "window": window[0], "step": window[1], "stride": stride, "first": first}
    return LayerSpec(MODULE, "FeatureCellsLayer", {**features.params, **cells})


def feature_file(folder: Path | str, split: str, tap: str, item: str) -> Path:
    """The file of one tap for one image."""
    return Path(folder, split, tap, f"{item}.npy")


class StoredFeaturesLayer(SegDataLayer):
    """Serves stored feature maps and the labels of another data layer, whose split and order it has.

    Tops        one per tap (1, C, H, W), then the labels (1, 1, H, W)
    param_str   source (module, layer, params) · folder · taps · split; optionally randomize, seed
    """

    required: tuple[str, ...] = ("source", "folder", "taps", "split")

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


class FeatureCellsLayer(StoredFeaturesLayer):
    """Serves what single cells of a convolution read of one tap, for all cells over several images, and their labels.

    Cell i covers rows i to i + (window - 1) * step of the tap, of which it reads every `step`-th. Its label is that of
    the pixel at its centre, first + stride * i. Dense outputs at these cells are the same, without the cost of pixels.

    Tops        the windows side by side (1, C, window, window * cells), then the label (1, 1, 1, cells): class or void
    param_str   as StoredFeaturesLayer, with images (per pass), window, step, stride and first
    """

    required: tuple[str, ...] = (*StoredFeaturesLayer.required, "images", "window", "step", "stride", "first")

    def pick(self, order: SamplingOrder) -> Hashable:
        """Draw the images of a pass."""
        return tuple(super(FeatureCellsLayer, self).pick(order) for _ in range(self.options["images"]))

    def setup(self, bottom: Sequence[Any], top: Sequence[Any]) -> None:
        """Set up as usual, with an empty cache of labels, whose images are then decoded once."""
        self._cell_labels: dict[str, np.ndarray] = {}
        super().setup(bottom, top)

    def read(self, pick: Any) -> Sequence[np.ndarray]:
        """Return the tops of a pass."""
        cells = [self.augmentation(self._load_cells(self.items[number]), draw) for number, draw in pick]
        return [np.concatenate(arrays, axis=2)[np.newaxis] for arrays in zip(*cells)]

    @property
    def index(self) -> int:
        """The number of the first image that the next forward pass serves."""
        return self._picks[0][0].number

    def _load_cells(self, item: str) -> tuple[np.ndarray, np.ndarray]:
        (tap,), window, step = self.options["taps"], self.options["window"], self.options["step"]
        labels = self._load_cell_labels(item)
        side = (window - 1) * step + 1
        views = np.lib.stride_tricks.sliding_window_view(self._load_tap(tap, item), (side, side), axis=(1, 2))
        cells = views[:, : labels.shape[0], : labels.shape[1], ::step, ::step].transpose(0, 3, 1, 2, 4)
        return cells.reshape(len(cells), window, -1), labels.reshape(1, 1, -1)

    def _load_cell_labels(self, item: str) -> np.ndarray:
        """The labels (rows, columns) of the pixels at the cells' centres."""
        if item not in self._cell_labels:
            label_hw = self.source.load(item)[-self._labels][0]
            stride, first = self.options["stride"], int(self.options["first"])
            self._cell_labels[item] = label_hw[first::stride, first::stride].copy()
        return self._cell_labels[item]
