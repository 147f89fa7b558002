"""The mini data set's scenes with synthetic depth, in NYUDv2's folders and file formats.

Depth     The ground recedes from the camera. Animals are upright cut-outs in front of it, each nearer than those drawn
          before it, and therefore occluding them. Noise is one part in 200. The colour images stay the same.
          Beyond colour, depth shows the boundaries between animals; no kind of animal has a depth of its own.
HHA       encoded from this depth by hha.py, with its own camera
Directory build/data/mini-depth   train.txt, val.txt, data/{images,depth,hha}/img_ID.png, segmentation/img_ID.mat
Differs   The data is synthetic and does not compare with NYUDv2; it serves to compare nets that fuse colour and depth.
          Images are PNGs, as NYUDv2's, instead of the mini data set's JPEGs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Mapping, Sequence

import numpy as np

from fcn_repro.datasets import hha, nyud, preparation
from fcn_repro.datasets.data_set import DataSet, LayerSpec
from fcn_repro.datasets.mini import mini, scenes

ROOT = Path("build/data/mini-depth")
CAMERA = hha.Camera(fx=scenes.SIDE, fy=scenes.SIDE, cx=(scenes.SIDE - 1) / 2, cy=-60.0)  # the horizon is not visible
HEIGHT_M = 3.75  # camera height: the ground is 10 m away at the image's top, 2.7 m at its bottom
FARTHEST_M, STEP_M = 2.5, 0.25  # depth of the first animal; each further animal is a step nearer
NOISE = 0.005


def make_facts(*inputs: str) -> DataSet:
    """The facts for a net with inputs among color, depth and hha."""

    def layer(split: str) -> LayerSpec:
        params = {"nyud_dir": str(ROOT), "split": split, "tops": [*inputs, "label"], "mean": mini.MINI.mean_bgr}
        return LayerSpec("mini_depth_layers", "MiniDepthSegDataLayer", {**params, "seed": 1337})

    return DataSet(
        name="mini-depth",
        class_names=mini.MINI.class_names,
        mean_bgr=mini.MINI.mean_bgr,
        void=mini.MINI.void,
        splits=mini.SCENES,
        train=layer("train"),
        val=layer("val"),
        archives=mini.MINI.archives,
        inputs=nyud.make_facts(*inputs).inputs,
    )


class MiniDepthSegDataLayer(nyud.NYUDSegDataLayer):
    """NYUDv2's layer for these files: the same tops and param_str, labels 0-6 and void."""

    facts = make_facts("color")


def make_depth(instance_hw: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """The depth in metres, (H, W), of instances numbered from 1 in drawing order; 0 is ground."""
    rows = np.arange(instance_hw.shape[0])[:, np.newaxis]
    ground = CAMERA.fy * HEIGHT_M / (rows - CAMERA.cy)
    animals = FARTHEST_M - STEP_M * (instance_hw.astype(float) - 1)
    depth = np.where(instance_hw == 0, ground, animals)
    return depth * (1 + NOISE * random.uniform(-1, 1, depth.shape))


def prepare() -> Mapping[str, int]:
    """Compose the data set unless it exists. Returns the images per split.

    Raises   DataError when the package with the silhouettes is unavailable
    """
    return mini.compose_variant(ROOT, _write)


def _write(root: Path, split: str, bitmaps: Sequence[np.ndarray], number: int) -> None:
    files = nyud.nyud_files(root, mini.format_item(split, number))
    random = np.random.RandomState(mini.SEEDS[split] + number)
    scene = scenes.compose(random, mini.KINDS, bitmaps)
    depth_m = make_depth(scene.instance_hw, random)
    preparation.write_png(files["color"], scene.image_rgb)
    preparation.write_png(files["depth"], np.round(1000 * depth_m).astype(np.uint16))
    preparation.write_png(files["hha"], hha.encode(depth_m, CAMERA))
    label = scene.label_hw + 1
    if split == "val":
        label[scenes.find_contours(scene.instance_hw)] = 0  # void, as in the mini data set
    preparation.write_mat(files["label"], {"segmentation": label})
