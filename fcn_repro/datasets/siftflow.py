"""SIFT Flow: outdoor scenes with two label maps, 33 semantic and 3 geometric classes; trainval is learnt, test scored.

Directory
    data/sift-flow   trainval.txt, test.txt, and in {Images,SemanticLabels,GeoLabels} a folder of ID.jpg or ID.mat
Note        cow, desert and moon do not occur in test. The paper averages over the classes that do; a mean over all
            that were predicted counts a zero for each, as the reference's scores did.
Source      reference 1305c73 siftflow_layers.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Mapping, Sequence

import numpy as np

from fcn_repro.datasets import file_readers, preparation
from fcn_repro.datasets.base import DataLayer, DataSet, SegDataLayer, to_blob

CLASS_NAMES = (
    *("awning", "balcony", "bird", "boat", "bridge", "building", "bus", "car", "cow", "crosswalk", "desert", "door"),
    *("fence", "field", "grass", "moon", "mountain", "person", "plant", "pole", "river", "road", "rock", "sand"),
    *("sea", "sidewalk", "sign", "sky", "staircase", "streetlight", "sun", "tree", "window"),
)
GEOMETRIC_CLASS_NAMES = ("sky", "horizontal", "vertical")
MEAN_BGR = (114.578, 115.294, 108.353)

SIFTFLOW_DIR = Path("data/sift-flow")


def _layer(split: str) -> DataLayer:
    params = {"siftflow_dir": str(SIFTFLOW_DIR), "split": split, "seed": 1337}
    return DataLayer("siftflow_layers", "SIFTFlowSegDataLayer", params)


SIFTFLOW = DataSet(
    name="siftflow",
    class_names=CLASS_NAMES,
    mean_bgr=MEAN_BGR,
    void=255,
    splits={"trainval": 2486, "test": 200},
    train=_layer("trainval"),
    val=_layer("test"),
    archives=("siftflow-dataset", "siftflow-trainval", "siftflow-test"),
    label="sem",
    more_labels={"geo": GEOMETRIC_CLASS_NAMES},
)


class SIFTFlowSegDataLayer(SegDataLayer):
    """SIFT Flow: a photograph and both of its label maps.

    Tops        data (1, 3, H, W): B G R, 0-255 minus mean
                semantic label (1, 1, H, W): 0-32, 255 void · geometric label (1, 1, H, W): 0-2, 255 void
    param_str   siftflow_dir, split; optionally randomize, seed
    """

    facts = SIFTFLOW
    top_names = ("data", "semantic label", "geometric label")
    required = ("siftflow_dir", "split")

    def list_file(self) -> Path:
        """SPLIT.txt."""
        return Path(self.options["siftflow_dir"], f"{self.options['split']}.txt")

    def load(self, item: str) -> Sequence[np.ndarray]:
        """The item's photograph, and S of its two .mat files: 0 is void, and -1 too in the geometric one."""
        image_path, semantic_path, geometric_path = siftflow_files(Path(self.options["siftflow_dir"]), item)
        image_rgb = file_readers.read_rgb(image_path)
        semantic_hw = file_readers.read_mat(semantic_path, "S")
        geometric_hw = file_readers.read_mat(geometric_path, "S")
        file_readers.check_label(semantic_hw, semantic_path, image_rgb.shape[:2], range(len(CLASS_NAMES) + 1))
        file_readers.check_label(
            geometric_hw, geometric_path, image_rgb.shape[:2], range(-1, len(GEOMETRIC_CLASS_NAMES) + 1)
        )
        return (
            to_blob(image_rgb, np.array(MEAN_BGR, np.float32)),
            file_readers.from_one(semantic_hw)[np.newaxis],
            file_readers.from_one(np.maximum(geometric_hw, 0))[np.newaxis],
        )


def siftflow_files(siftflow_dir: Path, item: str) -> tuple[Path, Path, Path]:
    """Where an item's photograph, semantic and geometric labels lie."""
    folder = "spatial_envelope_256x256_static_8outdoorcategories"
    return (
        siftflow_dir / "Images" / folder / f"{item}.jpg",
        siftflow_dir / "SemanticLabels" / folder / f"{item}.mat",
        siftflow_dir / "GeoLabels" / folder / f"{item}.mat",
    )


def prepare(facts: DataSet = SIFTFLOW) -> Mapping[str, int]:
    """Lay out data/sift-flow; images per split.

    Raises   DataError when a file cannot be had, or a list has another length than known
    """
    parts = {f"*/{part}/": SIFTFLOW_DIR / part for part in ("Images", "SemanticLabels", "GeoLabels")}
    items = {}
    for split, images in facts.splits.items():
        list_file = SIFTFLOW_DIR / f"{split}.txt"
        items[split] = preparation.list_alone(f"siftflow-{split}", list_file, images)
        preparation.unpacked("siftflow-dataset", parts, list_file, lambda item: siftflow_files(SIFTFLOW_DIR, item))
    preparation.check_apart(SIFTFLOW_DIR, items)
    return facts.splits
