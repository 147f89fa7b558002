"""The mini data set's scenes with a depth that is made up, in NYUDv2's directory and file formats.

Depth     of a ground that rises away from the camera, and of animals as upright cut-outs in front of it, each nearer
          than those that were drawn before it, as what hides the others is; with one part in 200 of noise. It changes
          nothing of the scene's picture. What it tells a net that colour does not is where one animal ends and the
          next begins; no kind of animal has a depth of its own.
HHA       encoded from it by hha.py, with the camera that it was made for
Directory build/data/mini-depth   train.txt, val.txt, data/{images,depth,hha}/img_ID.png, segmentation/img_ID.mat
Differs   It is synthetic, and says nothing about NYUDv2: it lets the nets that fuse colour and depth be compared.
          Pictures are PNGs, as NYUDv2's, and not the JPEGs of the mini data set.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Mapping, Sequence

import numpy as np
import scipy.io

from fcn_repro.datasets import hha, nyud, preparation
from fcn_repro.datasets.base import DataLayer, DataSet
from fcn_repro.datasets.mini import mini, scenes
from fcn_repro.datasets.mini.silhouettes import silhouettes, split
from fcn_repro.system.parallel_map import parallel_map
from fcn_repro.system.progress import Progress

ROOT = Path("build/data/mini-depth")
CAMERA = hha.Camera(fx=scenes.SIDE, fy=scenes.SIDE, cx=(scenes.SIDE - 1) / 2, cy=-60.0)  # the horizon is out of sight
HEIGHT_M = 3.75  # of the camera above the ground, which is then 10 m away at the top of the picture, 2.7 m at its foot
FARTHEST_M, APART_M = 2.5, 0.25  # of the first animal; how much nearer each is than the one before
NOISE = 0.005


def facts(*inputs: str) -> DataSet:
    """The facts for a net that sees some of color, depth and hha."""

    def layer(split: str) -> DataLayer:
        params = {"nyud_dir": str(ROOT), "split": split, "tops": [*inputs, "label"], "mean": mini.MINI.mean_bgr}
        return DataLayer("mini_depth_layers", "MiniDepthSegDataLayer", {**params, "seed": 1337})

    return DataSet(
        name="mini-depth",
        class_names=mini.MINI.class_names,
        mean_bgr=mini.MINI.mean_bgr,
        void=mini.VOID,
        splits=mini.SCENES,
        train=layer("train"),
        val=layer("val"),
        archives=mini.MINI.archives,
        inputs=nyud.facts(*inputs).inputs,
    )


class MiniDepthSegDataLayer(nyud.NYUDSegDataLayer):
    """NYUDv2's layer over these files: the same tops and param_str, label 0-6 and void."""

    facts = facts("color")


def depth_m(instance_hw: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """The depth in metres, (H, W), of instances that are numbered from 1 on as they were drawn; 0 is ground."""
    rows = np.arange(instance_hw.shape[0])[:, np.newaxis]
    ground = CAMERA.fy * HEIGHT_M / (rows - CAMERA.cy)
    animals = FARTHEST_M - APART_M * (instance_hw.astype(float) - 1)
    depth = np.where(instance_hw == 0, ground, animals)
    return depth * (1 + NOISE * random.uniform(-1, 1, depth.shape))


def prepare() -> Mapping[str, int]:
    """Compose the data set, unless it is there; images per split.

    Raises   DataError when the package with the silhouettes cannot be had
    """
    if not ROOT.is_dir():
        part = ROOT.with_suffix(".part")
        shutil.rmtree(str(part), ignore_errors=True)
        halves = [split(bitmaps) for kind, bitmaps in silhouettes().items() if kind in mini.KINDS]
        with Progress(sum(mini.SCENES.values()), "compose mini-depth", "scene") as progress:
            for name, images in mini.SCENES.items():
                bitmaps = [half.train if name == "train" else half.held_out for half in halves]
                for _ in parallel_map(partial(_write, part, name, bitmaps), images):
                    progress.advance()
                preparation.write_list(part / f"{name}.txt", [f"{name}_{n:04}" for n in range(images)], images)
        part.rename(ROOT)  # a folder of this name was written to its end
    return mini.SCENES


def _write(root: Path, split: str, bitmaps: Sequence[np.ndarray], number: int) -> None:
    files = nyud.nyud_files(root, f"{split}_{number:04}")
    random = np.random.RandomState(mini.SEEDS[split] + number)
    scene = scenes.compose(random, mini.KINDS, bitmaps)
    depth = depth_m(scene.instance_hw, random)
    preparation.write_png(files["color"], scene.image_rgb)
    preparation.write_png(files["depth"], np.round(1000 * depth).astype(np.uint16))
    preparation.write_png(files["hha"], hha.encode(depth, CAMERA))
    label = scene.label_hw + 1
    if files["label"].stem.startswith("img_val"):
        label[scenes.contours(scene.instance_hw)] = 0  # void, as in the mini data set
    files["label"].parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(str(files["label"]), {"segmentation": label}, do_compression=True)
