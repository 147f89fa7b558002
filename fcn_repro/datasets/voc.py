"""PASCAL VOC 2011 with SBD's annotations, trained on SBD train, scored on seg11valid; and VOC 2011 and 2012 alone.

Directories
    data/pascal/VOC2011     ImageSets/Segmentation/*.txt, JPEGImages/ID.jpg, SegmentationClass/ID.png; also VOC2012
    data/sbdd/dataset       train.txt, val.txt, img/ID.jpg, cls/ID.mat
Tests       A year's test images have no label maps: tools.submit labels them, but training and scoring cannot use
            them. Downloading them requires an account on VOC's evaluation server.
Overlap     SBD train contains images of both years' val. Train on it only with seg11valid, which excludes them.
Differs     seg11valid is derived (VOC2011 val without SBD train) and lies where the reference's nets read it;
            the reference ships it in one place and reads it in two others.
Source      reference 1305c73 voc_layers.py; paper, footnote 7 (PAMI)
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Mapping, Sequence

import numpy as np

from fcn_repro.datasets import file_readers, preparation
from fcn_repro.datasets.data_layer import SegDataLayer
from fcn_repro.datasets.data_set import VOID, DataSet, LayerSpec
from fcn_repro.datasets.preprocessing import to_blob

PARTS = ("ImageSets/Segmentation/", "JPEGImages/", "SegmentationClass/")  # the folders of VOC's archives to unpack
CLASS_NAMES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
MEAN_BGR = (104.00699, 116.66877, 122.67892)


def make_voc_layer(voc_dir: Path | str, split: str) -> LayerSpec:
    """The layer of a split in a folder of VOC's layout."""
    params = {"voc_dir": str(voc_dir), "split": split, "mean": MEAN_BGR, "seed": 1337}
    return LayerSpec("voc_layers", "VOCSegDataLayer", params)


def make_sbd_layer(sbdd_dir: Path | str) -> LayerSpec:
    """The layer of the train split in a folder of SBD's layout."""
    params = {"sbdd_dir": str(sbdd_dir), "split": "train", "mean": MEAN_BGR, "seed": 1337}
    return LayerSpec("voc_layers", "SBDDSegDataLayer", params)


VOC = DataSet(
    name="voc",
    class_names=CLASS_NAMES,
    mean_bgr=MEAN_BGR,
    void=VOID,
    splits={"train": 8498, "seg11valid": 736},
    train=make_sbd_layer("data/sbdd/dataset"),
    val=make_voc_layer("data/pascal/VOC2011", "seg11valid"),
    archives=("voc2011", "sbd"),
)


def _make_year(year: int, train: int, val: int) -> DataSet:
    """The facts of one year's own train and val splits."""
    name, train_spec, val_spec = f"voc{year}", *(make_voc_layer(f"data/pascal/VOC{year}", s) for s in ("train", "val"))
    return replace(
        VOC, name=name, splits={"train": train, "val": val}, train=train_spec, val=val_spec, archives=(name,)
    )


VOC2011, VOC2012 = _make_year(2011, 1112, 1111), _make_year(2012, 1464, 1449)
TESTS = {"voc2011": 1111, "voc2012": 1456}  # number of images
ROOTS = {"voc2011": "TrainVal/", "voc2011-test": "Test/"}  # folders around VOCdevkit in some archives


class VOCSegDataLayer(SegDataLayer):
    """PASCAL VOC: JPEG images and palette PNGs.

    Tops        data (1, 3, H, W): B G R, 0-255 minus mean · label (1, 1, H, W): class 0-20, 255 void
    param_str   voc_dir, split, mean; optionally randomize, seed
    """

    facts = VOC
    required = ("voc_dir", "split", "mean")
    list_pattern = "{voc_dir}/ImageSets/Segmentation/{split}.txt"

    def load(self, item: str) -> Sequence[np.ndarray]:
        """Load JPEGImages/ITEM.jpg and SegmentationClass/ITEM.png."""
        image_path, label_path = voc_files(Path(self.options["voc_dir"]), item)
        image_rgb = file_readers.read_rgb(image_path)
        label_hw = file_readers.read_indexed(label_path)
        file_readers.check_label(label_hw, label_path, image_rgb.shape[:2], self.facts.labels)
        return to_blob(image_rgb, self.options["mean"]), label_hw[np.newaxis]


class SBDDSegDataLayer(SegDataLayer):
    """The Semantic Boundaries Dataset: JPEG images and .mat files with GTcls.Segmentation.

    Tops        data (1, 3, H, W): B G R, 0-255 minus mean · label (1, 1, H, W): class 0-20
    param_str   sbdd_dir, split, mean; optionally randomize, seed
    """

    facts = VOC
    required = ("sbdd_dir", "split", "mean")
    list_pattern = "{sbdd_dir}/{split}.txt"

    def load(self, item: str) -> Sequence[np.ndarray]:
        """Load img/ITEM.jpg and cls/ITEM.mat."""
        image_path, label_path = sbd_files(Path(self.options["sbdd_dir"]), item)
        image_rgb = file_readers.read_rgb(image_path)
        label_hw = file_readers.read_mat(label_path, "GTcls", "Segmentation")
        file_readers.check_label(label_hw, label_path, image_rgb.shape[:2], self.facts.labels)
        return to_blob(image_rgb, self.options["mean"]), label_hw[np.newaxis]


def list_file(voc_dir: Path, split: str) -> Path:
    """VOC's list of a split."""
    return voc_dir / "ImageSets" / "Segmentation" / f"{split}.txt"


def voc_files(voc_dir: Path, item: str) -> tuple[Path, Path]:
    """VOC's image and label map of an id."""
    return voc_dir / "JPEGImages" / f"{item}.jpg", voc_dir / "SegmentationClass" / f"{item}.png"


def sbd_files(sbdd_dir: Path, item: str) -> tuple[Path, Path]:
    """SBD's image and label map of an id."""
    return sbdd_dir / "img" / f"{item}.jpg", sbdd_dir / "cls" / f"{item}.mat"


def prepare(facts: DataSet = VOC) -> Mapping[str, int]:
    """Fetch and unpack missing files of both directories, and derive seg11valid. Returns the images per split.

    Raises   DataError when an archive is unavailable or lacks files, or a split has an unexpected number of images
    """
    voc_dir, sbdd_dir = Path(str(facts.val.params["voc_dir"])), Path(str(facts.train.params["sbdd_dir"]))
    sbd = {f"benchmark_RELEASE/dataset/{part}": sbdd_dir / part for part in ("train.txt", "val.txt", "img/", "cls/")}
    train_list, val_list = sbdd_dir / "train.txt", list_file(voc_dir, "seg11valid")
    train = preparation.unpack_split("sbd", sbd, train_list, lambda item: sbd_files(sbdd_dir, item))
    val = _unpack(voc_dir, "voc2011", "val", PARTS)
    return {
        "train": preparation.check_count(train_list, train, facts.splits["train"]),
        "seg11valid": preparation.write_list(val_list, derive_seg11valid(val, train), facts.splits["seg11valid"]),
    }


def prepare_year(facts: DataSet) -> Mapping[str, int]:
    """Fetch and unpack one year's own splits. Returns the images per split.

    Raises   DataError as `prepare`, and for an image in both splits
    """
    voc_dir = Path(str(facts.train.params["voc_dir"]))
    items = {}
    for split, images in facts.splits.items():
        items[split] = _unpack(voc_dir, facts.name, split, PARTS)
        preparation.check_count(list_file(voc_dir, split), items[split], images)
    preparation.check_disjoint(voc_dir, items)
    return facts.splits


def prepare_test(facts: DataSet, images: int) -> Mapping[str, int]:
    """Fetch and unpack the list and images of a year's test split; it has no label maps.

    Raises   DataError as `prepare`
    """
    voc_dir = Path(str(facts.train.params["voc_dir"]))
    items = _unpack(voc_dir, f"{facts.name}-test", "test", PARTS[:2])
    return {"test": preparation.check_count(list_file(voc_dir, "test"), items, images)}


def _unpack(voc_dir: Path, archive: str, split: str, parts: Sequence[str]) -> Sequence[str]:
    """Unpack parts of a year's archive: lists and images, and label maps if all parts are asked for."""
    places = {f"{ROOTS.get(archive, '')}VOCdevkit/{voc_dir.name}/{part}": voc_dir / part for part in parts}
    files = len(parts) - 1
    return preparation.unpack_split(
        archive, places, list_file(voc_dir, split), lambda item: voc_files(voc_dir, item)[:files]
    )


def derive_seg11valid(voc_val: Sequence[str], sbd_train: Sequence[str]) -> list[str]:
    """The images of VOC 2011 val that are not in SBD train, in VOC's order."""
    train = set(sbd_train)
    return [item for item in voc_val if item not in train]
