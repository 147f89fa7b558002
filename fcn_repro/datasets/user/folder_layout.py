"""Find the images, label maps and splits in a user's folder.

Layouts     images/ID.*      labels/ID.png              train.txt and val.txt
            JPEGImages/ID.*  SegmentationClass/ID.png   ImageSets/Segmentation/train.txt and val.txt
            An ID may contain folders: images/train/17.jpg and labels/train/17.png.
Splits      The two lists, if they exist; else the folders train and val, if every ID starts with one of them.
            Otherwise a fifth of the images becomes val, chosen by the hash of their content. So the split depends on
            no name and no order, and identical files stay together. It does not detect frames of one video or images
            of one place: keep those together with lists.
"""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Mapping, Sequence

from fcn_repro.datasets.data_set import VOID
from fcn_repro.datasets.file_readers import read_lines, read_list
from fcn_repro.errors import DataError

# Suffixes of the formats in untrusted_files.FORMATS without .pfm: floats have no known white.
IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".tif", ".tiff", ".webp", ".gif"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
)
LABEL_SUFFIXES = (".png", ".bmp", ".tif", ".tiff", ".gif")  # lossless formats only
SPLITS = ("train", "val")
VAL_PART = 5  # one image in this many is for validation where there are no lists
MAX_CLASSES = VOID  # label maps have 8 bits, and the last value is void

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Layout:
    """The folders of a data set's parts."""

    images: Path
    labels: Path
    lists: Path


def find_layout(folder: Path) -> Layout:
    """Return the layout of a data set.

    Raises   DataError for an unknown layout
    """
    known = (
        Layout(folder / "images", folder / "labels", folder),
        Layout(folder / "JPEGImages", folder / "SegmentationClass", folder / "ImageSets" / "Segmentation"),
    )
    for layout in known:
        if layout.images.is_dir() and layout.labels.is_dir():
            return layout
    raise DataError(f"{folder}: expected the folders images and labels, or VOC's JPEGImages and SegmentationClass")


def read_classes(path: Path) -> tuple[str, ...]:
    """Read the class names, one a line, in the order of their labels from 0.

    Raises   DataError for fewer than 2 or more than 255 names, and for duplicates
    """
    names = read_lines(path, "list of classes", "one a line")
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        raise DataError(f"{path}: got {duplicates[0]!r} twice; expected every class once")
    if not 2 <= len(names) <= MAX_CLASSES:
        raise DataError(f"{path}: got {len(names)} classes; expected 2 to {MAX_CLASSES}, including background")
    return names


def list_files(folder: Path, suffixes: Sequence[str]) -> Mapping[str, Path]:
    """Return the files in a folder and its subfolders by ID, the relative path without its suffix.

    Raises   DataError when two files have the same ID
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in suffixes and not path.name.startswith("."):
            item = path.relative_to(folder).with_suffix("").as_posix()
            if item in found:
                raise DataError(f"{path}: same name as {found[item].name}; expected one file per name")
            found[item] = path
    return found


def find_pairs(layout: Layout) -> Mapping[str, Path]:
    """Return the images that have a label map, by ID, and log a warning about the others.

    Raises   DataError when there are none
    """
    images, labels = list_files(layout.images, IMAGE_SUFFIXES), list_files(layout.labels, LABEL_SUFFIXES)
    pairs = {item: path for item, path in images.items() if item in labels}
    if not pairs:
        found = f"{_count(images)} in {layout.images}, {_count(labels)} in {layout.labels}"
        raise DataError(f"no image has a label map of the same name: got {found}")
    for unpaired, what in (
        (len(images) - len(pairs), "images without a label map"),
        (len(labels) - len(pairs), "label maps without an image"),
    ):
        if unpaired:
            logger.warning("skipping %d %s", unpaired, what)
    return pairs


def find_splits(layout: Layout, images: Mapping[str, Path]) -> Mapping[str, Sequence[str]]:
    """Return the IDs of train and val, from lists, folders or hashes.

    Raises   DataError when one of two lists is missing, for an unknown ID, for an image in both splits, even under
             another name, and where there are too few images to split
    """
    lists = {split: layout.lists / f"{split}.txt" for split in SPLITS}
    if any(path.is_file() for path in lists.values()):
        splits = {split: [_strip_suffix(line) for line in read_list(path)] for split, path in lists.items()}
        for split, items in splits.items():
            missing = [item for item in items if item not in images]
            if missing:
                count = f"{len(missing)} such lines"
                raise DataError(f"{lists[split]}: got {missing[0]}; expected an image with a label map ({count})")
    elif {item.partition("/")[0] for item in images} == set(SPLITS):
        splits = {split: [item for item in images if item.startswith(f"{split}/")] for split in SPLITS}
    else:
        return _split_by_hash(images)
    _check_disjoint(splits, images)
    return splits


def _split_by_hash(images: Mapping[str, Path]) -> Mapping[str, Sequence[str]]:
    by_digest = _group_by_digest(images, images)
    if len(by_digest) < 2:
        raise DataError(f"got {len(by_digest)} different image; expected at least two, for train and val")
    val_digests = sorted(by_digest)[: max(1, round(len(by_digest) / VAL_PART))]
    val = {item for digest in val_digests for item in by_digest[digest]}
    return {"train": [item for item in images if item not in val], "val": [item for item in images if item in val]}


def _check_disjoint(splits: Mapping[str, Sequence[str]], images: Mapping[str, Path]) -> None:
    """Refuse splits that share an image."""
    train, val = (_group_by_digest(splits[split], images) for split in SPLITS)
    shared = sorted(set(train) & set(val))
    if shared:
        pair = f"{train[shared[0]][0]} in train and {val[shared[0]][0]} in val are the same image"
        raise DataError(f"{pair} ({len(shared)} such images); expected disjoint splits")


def _group_by_digest(items: Iterable[str], images: Mapping[str, Path]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for item in items:
        found[hashlib.sha256(images[item].read_bytes()).hexdigest()].append(item)
    return found


def _strip_suffix(line: str) -> str:
    """The ID in a line of a list; some lists contain suffixes."""
    return line[: line.rindex(".")] if line.lower().endswith(IMAGE_SUFFIXES) else line


def _count(items: Mapping[str, Path]) -> str:
    return f"{len(items)}" + (f", such as {next(iter(items))}" if items else "")
