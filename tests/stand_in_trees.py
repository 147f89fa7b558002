"""Stand-in trees of the data sets in the working directory, as their layers read them: a few images in each split.

Left of the middle every image is dark and of one class, right of it bright and of another, with a column of void.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import scipy.io
from PIL import Image

from fcn_repro.datasets.nyud import NYUD_DIR, nyud_files
from fcn_repro.datasets.pascal_context import CONTEXT_DIR, PASCAL_DIR, TASK, context_files, voc2010_list
from fcn_repro.datasets.siftflow import SIFTFLOW_DIR, siftflow_files

HEIGHT, WIDTH = 34, 40
IMAGES = 2  # in each split


def nyud() -> None:
    """Labels count from 1, 0 is void; classes 3 and 39 of 40."""
    for split, item in _items("trainval", "test", first=5001):
        files = nyud_files(NYUD_DIR, item)
        _picture(files["color"], item)
        _picture(files["hha"], item)
        _write(files["depth"], np.repeat([[1500, 4000]], HEIGHT, 0).repeat(WIDTH // 2, 1).astype(np.uint16))
        _mat(files["label"], segmentation=_halves(3, 39, void=0))
        _list(NYUD_DIR / f"{split}.txt", item)


def siftflow() -> None:
    """Labels count from 1, 0 is void; semantic classes 6 and 28 of 33, geometric 2 and 1 of 3."""
    for split, item in _items("trainval", "test", first=1):
        image, semantic, geometric = siftflow_files(SIFTFLOW_DIR, item)
        _picture(image, item)
        _mat(semantic, S=_halves(6, 28, void=0))
        _mat(geometric, S=_halves(2, 1, void=-1).astype(np.int8))
        _list(SIFTFLOW_DIR / f"{split}.txt", item)


def pascalcontext() -> None:
    """Labels of the full list of 459: wall, and one that is no class of the task, which is background."""
    for split, item in _items("train", "val", first=2008000001):
        image, label = context_files(PASCAL_DIR, CONTEXT_DIR, item)
        _picture(image, item)
        _mat(label, LabelMap=_halves(TASK["wall"], 1, void=TASK["sky"]).astype(np.uint16))
        _list(voc2010_list(PASCAL_DIR, split), item)


def _items(*splits: str, first: int) -> Iterator[tuple[str, str]]:
    for i, split in enumerate(splits):
        for number in range(IMAGES):
            yield split, str(first + i * IMAGES + number)


def _halves(left: int, right: int, void: int) -> np.ndarray:
    label_hw = np.full((HEIGHT, WIDTH), right, np.int16)
    label_hw[:, : WIDTH // 2] = left
    label_hw[:, 0] = void
    return label_hw


def _picture(path: Path, item: str) -> None:
    shade = _halves(40, 200, void=40)[..., np.newaxis] + np.random.RandomState(int(item) % 1000).randint(0, 30, 3)
    _write(path, shade.astype(np.uint8))


def _write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _mat(path: Path, **arrays: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, arrays)


def _list(path: Path, item: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        file.write(f"{item}\n")
