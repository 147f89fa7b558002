"""PASCAL-Context: VOC 2010 labelled in full; 59 classes and a background of all else, trained on train, scored on val.

Directories
    data/pascal/VOC2010     ImageSets/Main/{train,val}.txt, JPEGImages/ID.jpg
    data/pascal-context     trainval/ID.mat
Differs     The task's classes are told here, with their places in the full list of 459. The reference reads two lists
            at run time, where the one that it ships itself, with background in front, shifts every class by one.
Note        Background is learnt and scored as any class: nothing is void. The paper speaks of 59 classes, and of an
            easier task of 33 of them, and does not say what becomes of the other pixels: `fcn_repro.evaluation.class_subsets` counts
            each way there is.
Source      reference 1305c73 pascalcontext_layers.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Mapping, Sequence

import numpy as np

from fcn_repro.datasets import file_readers, preparation
from fcn_repro.datasets.base import DataLayer, DataSet, SegDataLayer, to_blob

FULL_LIST = 459  # labels run from 1; 0 is no label
# The task's classes in the order of its labels 1-59, and the label of each in the full list. There, diningtable is
# table, bedcloth is bedclothes and clothes is cloth.
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
# The easier task of Mottaghi et al., CVPR 2014: VOC's twenty classes and thirteen that most often surround them, as
# listed on their page (33_labels.txt).
EASIER = (
    *tuple(TASK)[:20],
    *("sky", "grass", "ground", "road", "building", "tree", "water", "mountain", "wall", "floor", "track", "keyboard"),
    "ceiling",
)
MEAN_BGR = (104.007, 116.669, 122.679)

PASCAL_DIR, CONTEXT_DIR = Path("data/pascal"), Path("data/pascal-context")


def _layer(split: str) -> DataLayer:
    params = {"voc_dir": str(PASCAL_DIR), "context_dir": str(CONTEXT_DIR), "split": split, "seed": 1337}
    return DataLayer("pascalcontext_layers", "PASCALContextSegDataLayer", params)


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
    """PASCAL-Context: VOC's photographs, and LabelMap of a .mat file each.

    Tops        data (1, 3, H, W): B G R, 0-255 minus mean · label (1, 1, H, W): 0 background, 1-59
    param_str   voc_dir (which holds VOC2010), context_dir, split; optionally randomize, seed
    """

    facts = PASCAL_CONTEXT
    required = ("voc_dir", "context_dir", "split")

    def list_file(self) -> Path:
        """VOC2010/ImageSets/Main/SPLIT.txt."""
        return voc2010_list(Path(self.options["voc_dir"]), self.options["split"])

    def load(self, item: str) -> Sequence[np.ndarray]:
        """VOC2010/JPEGImages/ITEM.jpg and trainval/ITEM.mat."""
        voc_dir, context_dir = Path(self.options["voc_dir"]), Path(self.options["context_dir"])
        image_path, label_path = context_files(voc_dir, context_dir, item)
        image_rgb = file_readers.read_rgb(image_path)
        full_hw = file_readers.read_mat(label_path, "LabelMap")
        file_readers.check_label(full_hw, label_path, image_rgb.shape[:2], range(FULL_LIST + 1))
        return to_blob(image_rgb, np.array(MEAN_BGR, np.float32)), to_task(full_hw)[np.newaxis]


def to_task(full_hw: np.ndarray) -> np.ndarray:
    """Labels of the full list, 0-459, as labels of the task, 0-59: (H, W) uint8."""
    task_of = np.zeros(FULL_LIST + 1, np.uint8)
    task_of[list(TASK.values())] = np.arange(1, len(TASK) + 1)
    return task_of[full_hw.astype(np.intp)]


def voc2010_list(voc_dir: Path, split: str) -> Path:
    """The list of a split of VOC 2010's main task, which PASCAL-Context shares."""
    return voc_dir / "VOC2010" / "ImageSets" / "Main" / f"{split}.txt"


def context_files(voc_dir: Path, context_dir: Path, item: str) -> tuple[Path, Path]:
    """Where an item's photograph and its label map lie."""
    return voc_dir / "VOC2010" / "JPEGImages" / f"{item}.jpg", context_dir / "trainval" / f"{item}.mat"


def prepare(facts: DataSet = PASCAL_CONTEXT) -> Mapping[str, int]:
    """Lay out both directories; images per split.

    Raises   DataError when an archive cannot be had or lacks files, or a split has another number of images than known
    """
    voc = {f"VOCdevkit/VOC2010/{part}/": PASCAL_DIR / "VOC2010" / part for part in ("ImageSets/Main", "JPEGImages")}
    context = {"trainval/": CONTEXT_DIR / "trainval"}
    items = {}
    for split, images in facts.splits.items():
        list_file = voc2010_list(PASCAL_DIR, split)
        preparation.unpacked("voc2010", voc, list_file, lambda item: [context_files(PASCAL_DIR, CONTEXT_DIR, item)[0]])
        items[split] = preparation.unpacked(
            "pascalcontext-labels", context, list_file, lambda item: [context_files(PASCAL_DIR, CONTEXT_DIR, item)[1]]
        )
        preparation.check_count(list_file, items[split], images)
    preparation.check_apart(CONTEXT_DIR, items)
    return facts.splits
