"""What a folder of images and label maps holds: which belong together, and which are learnt and which scored.

Layouts     images/ID.*      labels/ID.png              train.txt and val.txt
            JPEGImages/ID.*  SegmentationClass/ID.png   ImageSets/Segmentation/train.txt and val.txt
            An ID may have folders in it: images/train/17.jpg and labels/train/17.png.
Splits      As the two lists say; else by the folders train and val that all IDs begin with; else they are made: a fifth
            of the images is scored, chosen by what is in their files. That depends on no name and no order, and files
            that are the same are never parted. Frames of one film, or one place, are not known for what they are: lists
            must keep those together.
"""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Sequence

from fcn_repro.datasets.file_readers import read_lines, read_list
from fcn_repro.errors import DataError

# All that Pillow knows for bounded.FORMATS, but .pfm: floats, whose white is not known.
PHOTOGRAPHS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".tif", ".tiff", ".webp", ".gif"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
)
LABEL_MAPS = (".png", ".bmp", ".tif", ".tiff", ".gif")  # none that changes what it stores, as JPEG does
SPLITS = ("train", "val")
SCORED = 5  # of so many images one is scored, where splits are made
LARGEST = 255  # classes: one value of a byte is void

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Layout:
    """Where a data set has its parts."""

    images: Path
    labels: Path
    lists: Path


def find_layout(folder: Path) -> Layout:
    """The layout of a data set.

    Raises   DataError when it is neither of the two
    """
    known = (
        Layout(folder / "images", folder / "labels", folder),
        Layout(folder / "JPEGImages", folder / "SegmentationClass", folder / "ImageSets" / "Segmentation"),
    )
    for layout in known:
        if layout.images.is_dir() and layout.labels.is_dir():
            return layout
    raise DataError(
        f"{folder}: expected folders images and labels in it, or JPEGImages and SegmentationClass, as VOC has"
    )


def read_classes(path: Path) -> tuple[str, ...]:
    """The names of the classes, one a line in the order of their labels, from 0 on.

    Raises   DataError for fewer than two, for more than a byte holds beside void, and for a name that comes twice
    """
    names = read_lines(path, "list of classes", "one a line")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{path}: {twice[0]!r} comes twice; expected every class once")
    if not 2 <= len(names) <= LARGEST:
        raise DataError(f"{path}: {len(names)} classes; expected 2 to {LARGEST}, one a line (background is one, too)")
    return names


def pictures(folder: Path, kinds: Sequence[str]) -> Mapping[str, Path]:
    """The files of a folder, and of those in it, by ID: their path in it without the ending.

    Raises   DataError when two files have one ID
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in kinds and not path.name.startswith("."):
            item = path.relative_to(folder).with_suffix("").as_posix()
            if item in found:
                raise DataError(f"{path}: {found[item].name} has the same name; expected one picture of a name")
            found[item] = path
    return found


def pairs(layout: Layout) -> Mapping[str, Path]:
    """The images that have a label map, by ID.

    Raises   DataError when there are none
    """
    images, labels = pictures(layout.images, PHOTOGRAPHS), pictures(layout.labels, LABEL_MAPS)
    both = {item: path for item, path in images.items() if item in labels}
    if not both:
        found = f"{_some(images)} in {layout.images}, {_some(labels)} in {layout.labels}"
        raise DataError(f"no image has a label map of the same name: {found}")
    for lonely, what in (
        (len(images) - len(both), "images have no label map"),
        (len(labels) - len(both), "label maps have no image"),
    ):
        if lonely:
            logger.warning("%d %s and are left out", lonely, what)
    return both


def find_splits(layout: Layout, images: Mapping[str, Path]) -> Mapping[str, Sequence[str]]:
    """The IDs of train and val, given or made.

    Raises   DataError for one list without the other, for an ID without image or label map, for an image that is in
             both, under its own name or another's, and where there are too few to make splits of
    """
    lists = {split: layout.lists / f"{split}.txt" for split in SPLITS}
    if any(path.is_file() for path in lists.values()):
        splits = {split: [_item(line) for line in read_list(path)] for split, path in lists.items()}
        _check_listed(lists, splits, images)
    elif {item.partition("/")[0] for item in images} == set(SPLITS):
        splits = {split: [item for item in images if item.startswith(f"{split}/")] for split in SPLITS}
    else:
        return _made(images)
    _check_parted(splits, images)
    return splits


def _made(images: Mapping[str, Path]) -> Mapping[str, Sequence[str]]:
    by_content = _by_content(images, images)
    if len(by_content) < 2:
        raise DataError(f"{len(by_content)} different image; expected at least two, one to learn and one to score")
    scored = sorted(by_content)[: max(1, round(len(by_content) / SCORED))]
    val = {item for digest in scored for item in by_content[digest]}
    return {"train": [item for item in images if item not in val], "val": [item for item in images if item in val]}


def _check_listed(lists: Mapping[str, Path], splits: Mapping[str, Sequence[str]], images: Mapping[str, Path]) -> None:
    for split, items in splits.items():
        missing = [item for item in items if item not in images]
        if missing:
            raise DataError(f"{lists[split]}: {missing[0]} has no image, or no label map ({len(missing)} such lines)")


def _check_parted(splits: Mapping[str, Sequence[str]], images: Mapping[str, Path]) -> None:
    """Refuse an image that is learnt and scored."""
    learnt, scored = (_by_content(splits[split], images) for split in SPLITS)
    both = sorted(set(learnt) & set(scored))
    if both:
        pair = f"{learnt[both[0]][0]} in train and {scored[both[0]][0]} in val"
        raise DataError(
            f"{pair} are one and the same image, and so are {len(both) - 1} more; what is learnt cannot be scored"
        )


def _by_content(items: Sequence[str] | Mapping[str, Path], images: Mapping[str, Path]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for item in items:
        found[hashlib.sha256(images[item].read_bytes()).hexdigest()].append(item)
    return found


def _item(line: str) -> str:
    """The ID that a line of a list means; some lists have the ending, too."""
    return line[: line.rindex(".")] if line.lower().endswith(PHOTOGRAPHS) else line


def _some(items: Mapping[str, Path]) -> str:
    return f"{len(items)}" + (f", such as {next(iter(items))}" if items else "")
