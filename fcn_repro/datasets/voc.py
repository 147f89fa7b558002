"""PASCAL VOC 2011 with SBD's annotations, trained on SBD train, scored on seg11valid; and VOC 2011 and 2012 alone.

Directories
    data/pascal/VOC2011     ImageSets/Segmentation/*.txt, JPEGImages/ID.jpg, SegmentationClass/ID.png; so VOC2012
    data/sbdd/dataset       train.txt, val.txt, img/ID.jpg, cls/ID.mat
Tests       A year's test images have no label maps: they are labelled (tools.submit), not learnt or scored. VOC gives
            them to those alone who have an account on its evaluation server.
Overlap     SBD train has images of either year's val: it is trained on with seg11valid, which has none of them.
Differs     seg11valid is derived (VOC2011 val without SBD train) and written where the reference's nets look for it;
            the reference ships it in one place and reads it in two others.
Source      reference 1305c73 voc_layers.py; paper, footnote 7 (PAMI)
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Mapping, Sequence

import numpy as np

from fcn_repro.datasets import file_readers, preparation
from fcn_repro.datasets.base import DataLayer, DataSet, SegDataLayer, to_blob

PARTS = ("ImageSets/Segmentation/", "JPEGImages/", "SegmentationClass/")  # of VOC, that are read
CLASS_NAMES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
MEAN_BGR = (104.00699, 116.66877, 122.67892)

VOC = DataSet(
    name="voc",
    class_names=CLASS_NAMES,
    mean_bgr=MEAN_BGR,
    void=255,
    splits={"train": 8498, "seg11valid": 736},
    train=DataLayer(
        "voc_layers",
        "SBDDSegDataLayer",
        {"sbdd_dir": "data/sbdd/dataset", "split": "train", "mean": MEAN_BGR, "seed": 1337},
    ),
    val=DataLayer(
        "voc_layers",
        "VOCSegDataLayer",
        {"voc_dir": "data/pascal/VOC2011", "split": "seg11valid", "mean": MEAN_BGR, "seed": 1337},
    ),
    archives=("voc2011", "sbd"),
)


def _alone(year: int, train: int, val: int) -> DataSet:
    """A year's own train, scored on its own val."""

    def layer(split: str) -> DataLayer:
        params = {"voc_dir": f"data/pascal/VOC{year}", "split": split, "mean": MEAN_BGR, "seed": 1337}
        return DataLayer("voc_layers", "VOCSegDataLayer", params)

    return replace(
        VOC,
        name=f"voc{year}",
        splits={"train": train, "val": val},
        train=layer("train"),
        val=layer("val"),
        archives=(f"voc{year}",),
    )


VOC2011, VOC2012 = _alone(2011, 1112, 1111), _alone(2012, 1464, 1449)
TESTS = {"voc2011": 1111, "voc2012": 1456}  # images
ROOTS = {"voc2011": "TrainVal/", "voc2011-test": "Test/"}  # what some archives have around VOCdevkit


class VOCSegDataLayer(SegDataLayer):
    """PASCAL VOC: photographs and palette PNGs.

    Tops        data (1, 3, H, W): B G R, 0-255 minus mean · label (1, 1, H, W): class 0-20, 255 void
    param_str   voc_dir, split, mean; optionally randomize, seed
    """

    facts = VOC
    required = ("voc_dir", "split", "mean")

    def list_file(self) -> Path:
        """ImageSets/Segmentation/SPLIT.txt."""
        return Path(self.options["voc_dir"], "ImageSets", "Segmentation", f"{self.options['split']}.txt")

    def load(self, item: str) -> Sequence[np.ndarray]:
        """JPEGImages/ITEM.jpg and SegmentationClass/ITEM.png."""
        image_path, label_path = voc_files(Path(self.options["voc_dir"]), item)
        image_rgb = file_readers.read_rgb(image_path)
        label_hw = file_readers.read_indexed(label_path)
        file_readers.check_label(label_hw, label_path, image_rgb.shape[:2], self.facts.labels)
        return to_blob(image_rgb, self.options["mean"]), label_hw[np.newaxis]


class SBDDSegDataLayer(SegDataLayer):
    """The Semantic Boundaries Dataset: photographs and .mat files, GTcls.Segmentation in each.

    Tops        data (1, 3, H, W): B G R, 0-255 minus mean · label (1, 1, H, W): class 0-20
    param_str   sbdd_dir, split, mean; optionally randomize, seed
    """

    facts = VOC
    required = ("sbdd_dir", "split", "mean")

    def list_file(self) -> Path:
        """SPLIT.txt."""
        return Path(self.options["sbdd_dir"], f"{self.options['split']}.txt")

    def load(self, item: str) -> Sequence[np.ndarray]:
        """img/ITEM.jpg and cls/ITEM.mat."""
        image_path, label_path = sbd_files(Path(self.options["sbdd_dir"]), item)
        image_rgb = file_readers.read_rgb(image_path)
        label_hw = file_readers.read_mat(label_path, "GTcls", "Segmentation")
        file_readers.check_label(label_hw, label_path, image_rgb.shape[:2], self.facts.labels)
        return to_blob(image_rgb, self.options["mean"]), label_hw[np.newaxis]


def voc_files(voc_dir: Path, item: str) -> tuple[Path, Path]:
    """Where VOC keeps an item's photograph and its label map."""
    return voc_dir / "JPEGImages" / f"{item}.jpg", voc_dir / "SegmentationClass" / f"{item}.png"


def sbd_files(sbdd_dir: Path, item: str) -> tuple[Path, Path]:
    """Where SBD keeps an item's photograph and its label map."""
    return sbdd_dir / "img" / f"{item}.jpg", sbdd_dir / "cls" / f"{item}.mat"


def prepare(facts: DataSet = VOC) -> Mapping[str, int]:
    """Lay out both directories, fetching and unpacking what is missing, and derive seg11valid; images per split.

    Raises   DataError when an archive cannot be had or lacks files, or a split has another number of images than known
    """
    voc_dir, sbdd_dir = Path(str(facts.val.params["voc_dir"])), Path(str(facts.train.params["sbdd_dir"]))
    lists = voc_dir / "ImageSets" / "Segmentation"
    sbd = {f"benchmark_RELEASE/dataset/{part}": sbdd_dir / part for part in ("train.txt", "val.txt", "img/", "cls/")}
    voc = _places("voc2011", voc_dir, *PARTS)
    train = preparation.unpacked("sbd", sbd, sbdd_dir / "train.txt", lambda item: sbd_files(sbdd_dir, item))
    val = preparation.unpacked("voc2011", voc, lists / "val.txt", lambda item: voc_files(voc_dir, item))
    return {
        "train": preparation.check_count(sbdd_dir / "train.txt", train, facts.splits["train"]),
        "seg11valid": preparation.write_list(
            lists / "seg11valid.txt", seg11valid(val, train), facts.splits["seg11valid"]
        ),
    }


def prepare_alone(facts: DataSet) -> Mapping[str, int]:
    """Lay out a year by itself; images per split.

    Raises   DataError as `prepare` does, and for an image that is learnt and scored
    """
    voc_dir = Path(str(facts.train.params["voc_dir"]))
    items = {}
    for split, images in facts.splits.items():
        list_file = voc_dir / "ImageSets" / "Segmentation" / f"{split}.txt"
        places = _places(facts.name, voc_dir, *PARTS)
        items[split] = preparation.unpacked(facts.name, places, list_file, lambda item: voc_files(voc_dir, item))
        preparation.check_count(list_file, items[split], images)
    preparation.check_apart(voc_dir, items)
    return facts.splits


def prepare_test(facts: DataSet, images: int) -> Mapping[str, int]:
    """Lay out the images of a year's test, and their list; there are no label maps.

    Raises   DataError as `prepare` does
    """
    voc_dir = Path(str(facts.train.params["voc_dir"]))
    list_file = voc_dir / "ImageSets" / "Segmentation" / "test.txt"
    archive, parts = f"{facts.name}-test", PARTS[:2]
    items = preparation.unpacked(
        archive, _places(archive, voc_dir, *parts), list_file, lambda item: voc_files(voc_dir, item)[:1]
    )
    return {"test": preparation.check_count(list_file, items, images)}


def _places(archive: str, voc_dir: Path, *parts: str) -> Mapping[str, Path]:
    """Where the parts of a year's archive go."""
    return {f"{ROOTS.get(archive, '')}VOCdevkit/{voc_dir.name}/{part}": voc_dir / part for part in parts}


def seg11valid(voc_val: Sequence[str], sbd_train: Sequence[str]) -> list[str]:
    """The images of VOC 2011 val that SBD does not train on, in VOC's order."""
    trained_on = set(sbd_train)
    return [item for item in voc_val if item not in trained_on]
