"""PASCAL-Context: VOC 2010 with dense labels, 59 classes and a background; trained on train, scored on val.

Directories
    data/pascal/VOC2010     ImageSets/Main/{train,val}.txt, JPEGImages/ID.jpg
    data/pascal-context     trainval/ID.mat
Differs     This file lists the task's classes, with their labels in the full list of 459. The reference reads two lists
            at run time; its own list starts with background, which shifts every class by one.
Note        Background is a class like the others; no pixel is void. The paper reports 59 classes, and an easier task of
            33, and does not define the treatment of the other pixels. `fcn_repro.evaluation.class_subsets` scores
            each interpretation.
Source      reference 1305c73 pascalcontext_layers.py
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Mapping, Sequence

import numpy as np

from fcn_repro.datasets import file_readers, preparation
from fcn_repro.datasets.data_layer import SegDataLayer
from fcn_repro.datasets.data_set import DataSet, LayerSpec
from fcn_repro.datasets.preprocessing import to_blob

FULL_LIST = 459  # labels 1-459; 0 is unlabelled
# The task's classes in the order of their labels 1-59, each with its label in the full list. The full list calls
# diningtable table, bedcloth bedclothes and clothes cloth.
TASK = {
    **{"aeroplane": 2, "bicycle": 23, "bird": 25, "boat": 31, "bottle": 34, "bus": 45, "car": 59, "cat": 65},
    **{"chair": 72, "cow": 98, "diningtable": 397, "dog": 113, "horse": 207, "motorbike": 258, "person": 284},
    **{"pottedplant": 308, "sheep": 347, "sofa": 368, "train": 416, "tvmonitor": 427, "bag": 9, "bed": 18},
    **{"bench": 22, "book": 33, "building": 44, "cabinet": 46, "ceiling": 68, "clothes": 80, "computer": 85},
    **{"cup": 104, "door": 115, "fence": 144, "floor": 158, "flower": 159, "food": 162, "grass": 187, "ground": 189},
    **{"keyboard": 220, "light": 232, "mountain": 259, "mouse": 260, "curtain": 105, "platform": 296, "sign": 355},
    **{"plate": 295, "road": 324, "rock": 326, "shelves": 349, "sidewalk": 354, "sky": 360, "snow": 366},
    **{"bedcloth": 19, "track": 415, "tree": 420, "truck": 424, "wall": 440, "water": 445, "window": 454},
    "wood": 458,
}
# The easier task of Mottaghi et al., CVPR 2014 (33_labels.txt on their page): VOC's twenty classes and the thirteen
# classes that most often surround them.
EASIER = (
    *tuple(TASK)[:20],
    *("sky", "grass", "ground", "road", "building", "tree", "water", "mountain", "wall", "floor", "track", "keyboard"),
    "ceiling",
)
MEAN_BGR = (104.007, 116.669, 122.679)

PASCAL_DIR, CONTEXT_DIR = Path("data/pascal"), Path("data/pascal-context")


def _layer(split: str) -> LayerSpec:
    params = {"voc_dir": str(PASCAL_DIR), "context_dir": str(CONTEXT_DIR), "split": split, "seed": 1337}
    return LayerSpec("pascalcontext_layers", "PASCALContextSegDataLayer", params)


CLASS_NAMES = ("background", *TASK)

PASCAL_CONTEXT = DataSet(
    name="pascalcontext",
    class_names=CLASS_NAMES,
    mean_bgr=MEAN_BGR,
    void=None,
    splits={"train": 4998, "val": 5105},
    train=_layer("train"),
    val=_layer("val"),
    archives=("voc2010", "pascalcontext-labels"),
    subsets={
        "59 classes": tuple(range(1, len(CLASS_NAMES))),
        "33 classes": tuple(CLASS_NAMES.index(name) for name in EASIER),
    },
)


class PASCALContextSegDataLayer(SegDataLayer):
    """PASCAL-Context: VOC's images, and .mat files with LabelMap.

    Tops        data (1, 3, H, W): B G R, 0-255 minus mean · label (1, 1, H, W): 0 background, 1-59
    param_str   voc_dir (which holds VOC2010), context_dir, split; optionally randomize, seed
    """

    facts = PASCAL_CONTEXT
    required = ("voc_dir", "context_dir", "split")
    list_pattern = "{voc_dir}/VOC2010/ImageSets/Main/{split}.txt"

    def load(self, item: str) -> Sequence[np.ndarray]:
        """Load VOC2010/JPEGImages/ITEM.jpg and trainval/ITEM.mat."""
        voc_dir, context_dir = Path(self.options["voc_dir"]), Path(self.options["context_dir"])
        image_path, label_path = context_files(voc_dir, context_dir, item)
        image_rgb = file_readers.read_rgb(image_path)
        full_hw = file_readers.read_mat(label_path, "LabelMap")
        file_readers.check_label(full_hw, label_path, image_rgb.shape[:2], range(FULL_LIST + 1))
        return to_blob(image_rgb, np.array(MEAN_BGR, np.float32)), to_task(full_hw)[np.newaxis]


def to_task(full_hw: np.ndarray) -> np.ndarray:
    """Convert labels of the full list, 0-459, to labels of the task, 0-59: (H, W) uint8."""
    task_of = np.zeros(FULL_LIST + 1, np.uint8)
    task_of[list(TASK.values())] = np.arange(1, len(TASK) + 1)
    return task_of[full_hw.astype(np.intp)]


def voc2010_list(voc_dir: Path, split: str) -> Path:
    """VOC 2010's list of a split, which PASCAL-Context shares."""
    return voc_dir / "VOC2010" / "ImageSets" / "Main" / f"{split}.txt"


def context_files(voc_dir: Path, context_dir: Path, item: str) -> tuple[Path, Path]:
    """An id's image and label map."""
    return voc_dir / "VOC2010" / "JPEGImages" / f"{item}.jpg", context_dir / "trainval" / f"{item}.mat"


def _list_file(part: int, item: str) -> list[Path]:
    return [context_files(PASCAL_DIR, CONTEXT_DIR, item)[part]]


def prepare(facts: DataSet = PASCAL_CONTEXT) -> Mapping[str, int]:
    """Fetch and unpack both directories. Returns the images per split.

    Raises   DataError when an archive is unavailable or lacks files, or a split has an unexpected number of images
    """
    voc = {f"VOCdevkit/VOC2010/{part}/": PASCAL_DIR / "VOC2010" / part for part in ("ImageSets/Main", "JPEGImages")}
    context = {"trainval/": CONTEXT_DIR / "trainval"}
    items: dict[str, Sequence[str]] = {}
    for split, images in facts.splits.items():
        list_file = voc2010_list(PASCAL_DIR, split)
        for part, (archive, places) in enumerate((("voc2010", voc), ("pascalcontext-labels", context))):
            items[split] = preparation.unpack_split(archive, places, list_file, partial(_list_file, part))
        preparation.check_count(list_file, items[split], images)
    preparation.check_disjoint(CONTEXT_DIR, items)
    return facts.splits
