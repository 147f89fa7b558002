"""The mini data set's scenes with two label maps, in SIFT Flow's folders and file formats.

Labels    semantic: the mini data set's seven classes · geometric: horizontal ground, and upright animals
Directory build/data/mini-geometry   train.txt, val.txt, {Images,SemanticLabels,GeoLabels}/FOLDER/ID.jpg or ID.mat
Differs   The geometry follows from the semantic classes, so it is easier than SIFT Flow's. It serves to train nets of
          two heads, and to compare them with nets of one.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Mapping, Sequence

import numpy as np
from PIL import Image

from fcn_repro.datasets import preparation, siftflow
from fcn_repro.datasets.data_set import DataSet, LayerSpec
from fcn_repro.datasets.mini import mini, scenes

ROOT = Path("build/data/mini-geometry")
HEADS = {"sem": mini.MINI.class_names, "geo": ("horizontal", "vertical")}


def make_facts(*heads: str) -> DataSet:
    """The facts for a net with one or both of the heads sem and geo."""

    def layer(split: str) -> LayerSpec:
        params = {"siftflow_dir": str(ROOT), "split": split, "heads": list(heads), "seed": 1337}
        return LayerSpec("mini_geometry_layers", "MiniGeometrySegDataLayer", params)

    first, *more = heads
    return replace(
        mini.MINI,
        name="mini-geometry",
        class_names=HEADS[first],
        train=layer("train"),
        val=layer("val"),
        label=first,
        more_labels={head: HEADS[head] for head in more},
    )


class MiniGeometrySegDataLayer(siftflow.SIFTFlowSegDataLayer):
    """SIFT Flow's layer for these files: semantic labels 0-6, geometric labels 0-1, and void.

    Tops        data, then the label maps of `heads`
    param_str   siftflow_dir, split, heads; optionally randomize, seed
    """

    facts = make_facts(*HEADS)
    required: tuple[str, ...] = (*siftflow.SIFTFlowSegDataLayer.required, "heads")

    def setup(self, bottom: Sequence[Any], top: Sequence[Any]) -> None:
        """Read the names of the heads from param_str, then set up as usual."""
        self.top_names = ("data", *self._parse(self.param_str)["heads"])
        super().setup(bottom, top)

    def load(self, item: str) -> Sequence[np.ndarray]:
        """Load the image and the label maps of the heads."""
        arrays = dict(zip(("data", *HEADS), super().load(item)))
        return [arrays[name] for name in self.top_names]


def prepare() -> Mapping[str, int]:
    """Compose the data set unless it exists. Returns the images per split.

    Raises   DataError when the package with the silhouettes is unavailable
    """
    return mini.compose_variant(ROOT, _write)


def _write(root: Path, split: str, bitmaps: Sequence[np.ndarray], number: int) -> None:
    image_path, semantic_path, geometric_path = siftflow.siftflow_files(root, mini.format_item(split, number))
    scene = scenes.compose(np.random.RandomState(mini.SEEDS[split] + number), mini.KINDS, bitmaps)
    semantic, geometric = scene.label_hw + 1, (scene.label_hw > 0).astype(np.int8) + 1
    if split == "val":
        contours = scenes.find_contours(scene.instance_hw)
        semantic[contours], geometric[contours] = 0, -1  # void, as SIFT Flow has it
    image_path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(scene.image_rgb).save(str(image_path), quality=mini.QUALITY)
    preparation.write_mat(semantic_path, {"S": semantic})
    preparation.write_mat(geometric_path, {"S": geometric})
