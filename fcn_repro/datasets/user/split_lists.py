"""The splits of a user's data set.

Lists       train.txt and val.txt, if they exist: an ID a line, also as written by other programs: with a suffix, a path
            that is absolute or starts with / or ./ or the name of its folder, backslashes, the path of the label map
            behind it, or a flag of VOC's ImageSets/Main
Folders     else the folders train and val, if there are both; images outside of them are skipped
Hashes      Otherwise a fifth of the images becomes val, chosen by the hash of their content. So the split depends on no
            name and no order, and identical files stay together. It does not detect frames of one video or images of
            one place: keep those together with lists.
"""

from __future__ import annotations

import hashlib
import logging
import re
import unicodedata
from collections import defaultdict
from pathlib import Path
from typing import Iterable, Mapping, Sequence

from fcn_repro.datasets.file_readers import read_lines, unquote
from fcn_repro.datasets.user.folder_layout import IMAGE_SUFFIXES, MAT, POLYGONS, Layout
from fcn_repro.errors import DataError

SPLITS = ("train", "val")
VAL_PART = 5  # one image in this many is for validation where there are no lists
FLAGS = ("-1", "0", "1")  # of VOC's ImageSets/Main: whether the image shows a class
FORM = "one image id a line"

logger = logging.getLogger(__name__)


def find_splits(layout: Layout, images: Mapping[str, Path]) -> Mapping[str, Sequence[str]]:
    """Return the IDs of train and val, from lists, folders or hashes.

    Raises   DataError when one of two lists is missing, for an unknown ID, for an image in both splits, even under
             another name, and where there are too few images to split
    """
    lists = {split: layout.lists / f"{split}.txt" for split in SPLITS}
    folders = {item.partition("/")[0] for item in images if "/" in item}
    if any(path.is_file() for path in lists.values()):
        splits = {split: _read_list(path, layout, images) for split, path in lists.items()}
    elif folders >= set(SPLITS):
        splits = {split: [item for item in images if item.startswith(f"{split}/")] for split in SPLITS}
        others = len(images) - sum(map(len, splits.values()))
        if others:
            logger.warning("skipping %d images outside of the folders train and val", others)
    else:
        return _split_by_hash(images)
    _check_disjoint(splits, images)
    return splits


def _read_list(path: Path, layout: Layout, images: Mapping[str, Path]) -> Sequence[str]:
    """Read a list; all faulty lines are counted."""
    lines = read_lines(path, "split list", FORM)
    items = [_find_item(path, line, layout, images) for line in lines]
    missing = [line for line, item in zip(lines, items) if item is None]
    if missing:
        count = f"{len(missing)} such lines"
        raise DataError(f"{path}: got {missing[0]}; expected an image with a label map ({count}), {FORM}")
    flags = sum(line.split()[-1] in FLAGS and line != item for line, item in zip(lines, items))
    if flags:
        logger.warning("%s: ignoring the flags in %d lines", path, flags)
    return [item for item in items if item is not None]


def _find_item(path: Path, line: str, layout: Layout, images: Mapping[str, Path]) -> str | None:
    """Return the ID that a line means; None if it means none.

    Raises   DataError for an image beside the label map of another one
    """
    for text in dict.fromkeys((unquote(line), line)):
        item = _match(text, layout, images)
        if item is not None:
            return item
    for blank in re.finditer(r"[\s,;]+", line):
        first, second = line[: blank.start()], line[blank.end() :]
        item = _match(first, layout, images)
        if item is None:
            continue
        labelled = _match(second, layout, images)
        if second in FLAGS or labelled == item:
            return item
        if labelled is not None:
            raise DataError(f"{path}: got the label map {second} for {item}; expected the label map of the same name")
    return None


def _match(text: str, layout: Layout, images: Mapping[str, Path]) -> str | None:
    """Return the ID in a path; folders may come before it, up to the folder of the images or the label maps."""
    text = unicodedata.normalize("NFC", text)
    if text in images:
        return text
    parts = [part for part in text.replace("\\", "/").split("/") if part not in ("", ".")]
    roots = {"images", "labels", *(part.resolve().name for part in (layout.images, layout.labels))}
    for start in range(len(parts)):
        if start and parts[start - 1] not in roots:
            continue
        tail = "/".join(parts[start:])
        stem = _strip_suffix(tail)
        endings = [ending for ending in (layout.image_ending, layout.label_ending) if ending and stem.endswith(ending)]
        for item in (tail, stem, *(stem[: -len(ending)] for ending in endings)):
            if item in images:
                return item
    return None


def _strip_suffix(name: str) -> str:
    """The name without the suffix of an image or a label map."""
    return name[: name.rindex(".")] if name.lower().endswith((*IMAGE_SUFFIXES, MAT, POLYGONS)) else name


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
