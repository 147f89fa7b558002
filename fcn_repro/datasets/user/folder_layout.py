"""Find the images and label maps in a user's folder, and pair them by name.

Layouts     images/ID.*      labels/ID.png
            JPEGImages/ID.*  SegmentationClass/ID.png
            or any two folders, or a COCO file as the labels. An ID may contain folders: images/train/17.jpg and
            labels/train/17.png. Linked folders are followed.
Endings     Names may end differently: with the endings _leftImg8bit and _gtFine_labelIds the files
            1_leftImg8bit.png and 1_gtFine_labelIds.png have the ID 1. Files without the ending are skipped.
Labels      PNG and other lossless images; JPEG where a tolerance allows it; .mat where its variable is named; labelme's
            .json where a folder holds no label images.
"""

from __future__ import annotations

import logging
import os
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Mapping, Sequence

from fcn_repro.datasets.user.polygons import read_coco
from fcn_repro.datasets.user.registry import LabelForm
from fcn_repro.errors import DataError
from fcn_repro.system.folder_walk import walk_files

# Suffixes of the formats in untrusted_files.FORMATS without .pfm: floats have no known white.
JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")
IMAGE_SUFFIXES = (
    *JPEG_SUFFIXES,
    *(".png", ".apng", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm", ".pbm", ".pnm"),
)
LABEL_SUFFIXES = (".png", ".bmp", ".tif", ".tiff", ".gif", ".pgm")  # lossless formats only
POLYGONS, MAT = ".json", ".mat"
SEPARATORS = "_-. "  # between an ID and an ending

PLAIN = LabelForm()

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Layout:
    """The parts of a data set.

    images, labels   folders; labels may be a COCO file
    lists            the folder of train.txt and val.txt
    image_ending, label_ending   of names, before the suffix
    """

    images: Path
    labels: Path
    lists: Path
    image_ending: str = ""
    label_ending: str = ""


def find_layout(
    folder: Path, images: str = "", labels: str = "", image_ending: str = "", label_ending: str = ""
) -> Layout:
    """Return the layout of a data set; `images` and `labels` are paths, in `folder` if they exist there.

    Raises   DataError for an unknown layout
    """
    known = [
        Layout(folder / "images", folder / "labels", folder),
        Layout(folder / "JPEGImages", folder / "SegmentationClass", folder / "ImageSets" / "Segmentation"),
    ]
    if images or labels:
        known = [Layout(_find(folder, images or "images"), _find(folder, labels or "labels"), folder)]
    for layout in known:
        if layout.images.is_dir() and (layout.labels.is_dir() or layout.labels.is_file()):
            return Layout(layout.images, layout.labels, layout.lists, image_ending, label_ending)
    names = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    expected = "expected the folders images and labels, or VOC's JPEGImages and SegmentationClass"
    if images or labels:
        expected = f"expected {known[0].images} and {known[0].labels}"
    got = f"got the folders {', '.join(names)}" if names else "got no folders"
    raise DataError(f"{folder}: {got}; {expected}. Fix: --images FOLDER --labels FOLDER")


def list_files(folder: Path, suffixes: Sequence[str], ending: str = "") -> Mapping[str, Path]:
    """Return the files below a folder by ID: the relative path without ending and suffix, in Unicode's form NFC.

    Raises   DataError when two files have the same ID
    """
    found: dict[str, Path] = {}
    for path in walk_files(folder):
        stem = unicodedata.normalize("NFC", path.relative_to(folder).with_suffix("").as_posix())
        item = stem[: len(stem) - len(ending)]
        if path.suffix.lower() not in suffixes or not stem.endswith(ending) or not os.path.basename(item):
            continue
        if item in found:
            raise DataError(f"{path}: same name as {found[item].name}; expected one file per name")
        found[item] = path
    return found


def list_images(layout: Layout) -> Mapping[str, Path]:
    """Return the images by ID."""
    return list_files(layout.images, IMAGE_SUFFIXES, layout.image_ending)


def list_labels(layout: Layout, form: LabelForm) -> Mapping[str, Path]:
    """Return the file of each label map by ID; of a COCO file, the file itself for each of its images."""
    if layout.labels.is_file():
        return dict.fromkeys(read_coco(layout.labels), layout.labels)
    if form.polygons or form.mat_field:
        return list_files(layout.labels, (POLYGONS if form.polygons else MAT,), layout.label_ending)
    is_shared = os.path.realpath(layout.images) == os.path.realpath(layout.labels) and not layout.label_ending
    if is_shared:
        return {}
    suffixes = (*LABEL_SUFFIXES, *(JPEG_SUFFIXES if form.tolerance else ()))
    return list_files(layout.labels, suffixes, layout.label_ending)


def find_polygons(layout: Layout, form: LabelForm) -> LabelForm:
    """Return the form with `polygons` set if the labels are a COCO file, or labelme's files and no label maps."""
    return replace(form, polygons=layout.labels.is_file() or not list_labels(layout, form) and _has_polygons(layout))


def find_pairs(layout: Layout, form: LabelForm = PLAIN) -> Mapping[str, Path]:
    """Return the images that have a label map, by ID, and log a warning about the others.

    Raises   DataError when there are none
    """
    images, labels = list_images(layout), list_labels(layout, form)
    pairs = {item: path for item, path in images.items() if item in labels}
    if not pairs:
        found = f"{_count(images)} in {layout.images}, {_count(labels)} in {layout.labels}"
        advice = _advise(layout, form, images, labels)
        raise DataError(f"no image has a label map of the same name: got {found}{advice}")
    for unpaired, what in (
        (len(images) - len(pairs), "images without a label map"),
        (len(labels) - len(pairs), "label maps without an image"),
    ):
        if unpaired:
            logger.warning("skipping %d %s", unpaired, what)
    return pairs


def _has_polygons(layout: Layout) -> bool:
    return bool(list_files(layout.labels, (POLYGONS,), layout.label_ending))


def _find(folder: Path, name: str) -> Path:
    inside = folder / name
    return inside if inside.exists() or not Path(name).exists() else Path(name)


def _advise(layout: Layout, form: LabelForm, images: Mapping[str, Path], labels: Mapping[str, Path]) -> str:
    """Return why label maps may be missing, and the option that finds them."""
    if labels:
        endings = _guess_endings(images, labels)
        return f". Fix: --image-ending={endings[0]} --label-ending={endings[1]}" if endings else ""
    if layout.labels.is_dir():
        files = walk_files(layout.labels)
        jpegs = sum(path.suffix.lower() in JPEG_SUFFIXES for path in files)
        if jpegs and not form.tolerance:
            return (
                f"; {jpegs} .jpg files there do not count, because JPEG changes labels. Fix: --tolerance 32 takes the "
                "nearest label, with --values or --colours"
            )
        if any(path.suffix.lower() == MAT for path in files) and not form.mat_field:
            return "; .mat files there need the name of their variable. Fix: --mat-field NAME"
    return ""


def _guess_endings(images: Mapping[str, Path], labels: Mapping[str, Path]) -> tuple[str, str] | None:
    """Return endings with which most images have a label map."""
    image = min(images, default="")
    label = max(labels, key=lambda item: (len(os.path.commonprefix([image, item])), item))
    start = os.path.commonprefix([image, label]).rstrip(SEPARATORS)
    endings = image[len(start) :], label[len(start) :]
    if not start or "/" in endings[0] + endings[1]:
        return None
    paired = sum(
        item.endswith(endings[0]) and f"{item[: len(item) - len(endings[0])]}{endings[1]}" in labels for item in images
    )
    return endings if paired > len(images) / 2 else None


def _count(items: Mapping[str, Path]) -> str:
    return f"{len(items)}" + (f", such as {next(iter(items))}" if items else "")
