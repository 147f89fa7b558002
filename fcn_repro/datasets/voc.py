"""PASCAL VOC 2011 with SBD's annotations, trained on SBD train, scored on seg11valid; and VOC 2011 and 2012 alone.

Directories
    data/pascal/VOC2011     ImageSets/Segmentation/*.txt, JPEGImages/ID.jpg, SegmentationClass/ID.png; also VOC2012
    data/sbdd/dataset       train.txt, val.txt, img/ID.jpg, cls/ID.mat
Tests       A year's test images have no label maps: tools.submit labels them, but training and scoring cannot use
            them. Downloading them requires an account on VOC's evaluation server.
Overlap     SBD train contains images of both years' val. Train on it only with seg11valid, which excludes them.
VOC 2012    All 736 images of seg11valid are in VOC 2012 val, with the same label maps. Where VOC 2011 is unavailable,
            its folder gets these files from VOC 2012, and the reference's list, which is checked by its digest.
Differs     seg11valid is derived where VOC 2011's val list is there (that list without SBD train), and lies where the
            reference's nets read it; the reference ships it in one place and reads it in two others.
Source      reference 1305c73 voc_layers.py; paper, footnote 7 (PAMI)
"""

from __future__ import annotations

import hashlib
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Mapping, Sequence

import numpy as np

from fcn_repro.datasets import file_readers, preparation
from fcn_repro.datasets.data_layer import SegDataLayer
from fcn_repro.datasets.data_set import VOID, DataSet, LayerSpec
from fcn_repro.datasets.download.fetch import fetch, read_catalogue
from fcn_repro.datasets.preprocessing import to_blob
from fcn_repro.errors import DataError
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.system.progress import Progress

log = logging.getLogger(__name__)

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
    train_list = sbdd_dir / "train.txt"
    train = preparation.unpack_split("sbd", sbd, train_list, lambda item: sbd_files(sbdd_dir, item))
    return {
        "train": preparation.check_count(train_list, train, facts.splits["train"]),
        "seg11valid": _prepare_seg11valid(voc_dir, train, facts.splits["seg11valid"]),
    }


def _prepare_seg11valid(voc_dir: Path, sbd_train: Sequence[str], images: int) -> int:
    """Write the list and the files of seg11valid, from VOC 2011, or else from VOC 2012."""
    catalogue, place = read_catalogue(), list_file(voc_dir, "seg11valid")
    year_2012 = Path(str(VOC2012.val.params["voc_dir"]))
    has_2011 = list_file(voc_dir, "val").is_file() or catalogue["voc2011"].path.is_file()
    has_2012 = place.is_file() or list_file(year_2012, "val").is_file() or catalogue["voc2012"].path.is_file()
    unavailable = ""
    if has_2011 or not has_2012:
        try:
            val = _unpack(voc_dir, "voc2011", "val", PARTS)
        except DataError as error:
            unavailable = str(error)
            log.warning("%s\nTaking the files of seg11valid from VOC 2012", error)
        else:
            return preparation.write_list(place, derive_seg11valid(val, sbd_train), images)
    try:
        return _take_from_2012(voc_dir, year_2012, sbd_train, images)
    except DataError as error:
        raise DataError("\n".join(filter(None, [unavailable, str(error)]))) from error


def _take_from_2012(voc_dir: Path, year_2012: Path, sbd_train: Sequence[str], images: int) -> int:
    """Copy the missing files of seg11valid from VOC 2012's folder, which is unpacked if it lacks one."""
    place, val = list_file(voc_dir, "seg11valid"), list_file(voc_dir, "val")
    if val.is_file():
        items: Sequence[str] = derive_seg11valid(file_readers.read_list(val), sbd_train)
    else:
        items = file_readers.read_list(place if place.is_file() else fetch("seg11valid"))
        _check_digest(place, items)
    missing = [(item, path) for item in items for path in voc_files(voc_dir, item) if not path.is_file()]
    if missing:
        _unpack(year_2012, "voc2012", "val", PARTS)
    with Progress(len(missing), "copy from VOC 2012") as progress:
        for item, path in missing:
            source = year_2012 / path.relative_to(voc_dir)
            if not source.is_file():
                raise DataError(f"{source}: missing; expected {item} of {place} in VOC 2012")
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(path, "wb") as file, open(str(source), "rb") as original:
                shutil.copyfileobj(original, file)
            progress.advance()
    return preparation.write_list(place, items, images)


def _check_digest(place: Path, items: Sequence[str]) -> None:
    """Check a list that is not derived against the digest of the reference's."""
    algorithm, _, expected = read_catalogue()["seg11valid"].digest.partition(":")
    found = hashlib.new(algorithm, "".join(f"{item}\n" for item in items).encode()).hexdigest()
    if found != expected:
        raise DataError(
            f"{place}: got {len(items)} images, {algorithm} {found}; expected the reference's list, {expected}. "
            f"Fix: remove {place}, then run: make data-voc"
        )


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
