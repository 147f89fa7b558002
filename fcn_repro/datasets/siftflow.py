"""SIFT Flow: outdoor scenes with two label maps, 33 semantic and 3 geometric classes; trained on trainval, scored on
test.

Directory
    data/sift-flow   trainval.txt, test.txt; {Images,SemanticLabels,GeoLabels}/FOLDER/ID.jpg or ID.mat
Note        cow, desert and moon do not occur in test. The paper averages over the classes that occur; the reference's
            scores average over all predicted classes, and count a zero for each of these.
Source      reference 1305c73 siftflow_layers.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Mapping, Sequence

import numpy as np

from fcn_repro.datasets import file_readers, preparation
from fcn_repro.datasets.data_layer import SegDataLayer
from fcn_repro.datasets.data_set import VOID, DataSet, LayerSpec
from fcn_repro.datasets.preprocessing import to_blob, to_zero_based

CLASS_NAMES = (
    *("awning", "balcony", "bird", "boat", "bridge", "building", "bus", "car", "cow", "crosswalk", "desert", "door"),
    *("fence", "field", "grass", "moon", "mountain", "person", "plant", "pole", "river", "road", "rock", "sand"),
    *("sea", "sidewalk", "sign", "sky", "staircase", "streetlight", "sun", "tree", "window"),
)
GEOMETRIC_CLASS_NAMES = ("sky", "horizontal", "vertical")
MEAN_BGR = (114.578, 115.294, 108.353)

SIFTFLOW_DIR = Path("data/sift-flow")


def _layer(split: str) -> LayerSpec:
    params = {"siftflow_dir": str(SIFTFLOW_DIR), "split": split, "seed": 1337}
    return LayerSpec("siftflow_layers", "SIFTFlowSegDataLayer", params)


SIFTFLOW = DataSet(
    name="siftflow",
    class_names=CLASS_NAMES,
    mean_bgr=MEAN_BGR,
    void=VOID,
    splits={"trainval": 2486, "test": 200},
    train=_layer("trainval"),
    val=_layer("test"),
    archives=("siftflow-dataset", "siftflow-trainval", "siftflow-test"),
    label="sem",
    more_labels={"geo": GEOMETRIC_CLASS_NAMES},
)


class SIFTFlowSegDataLayer(SegDataLayer):
    """SIFT Flow: an image and both of its label maps.

    Tops        data (1, 3, H, W): B G R, 0-255 minus mean
                semantic label (1, 1, H, W): 0-32, 255 void · geometric label (1, 1, H, W): 0-2, 255 void
    param_str   siftflow_dir, split; optionally randomize, seed
    """

    facts = SIFTFLOW
    top_names = ("data", "semantic label", "geometric label")
    required: tuple[str, ...] = ("siftflow_dir", "split")
    list_pattern = "{siftflow_dir}/{split}.txt"

    def load(self, item: str) -> Sequence[np.ndarray]:
        """Load the image and S of both .mat files; 0 is void, and so is -1 in the geometric one."""
        image_path, semantic_path, geometric_path = siftflow_files(Path(self.options["siftflow_dir"]), item)
        image_rgb = file_readers.read_rgb(image_path)
        semantic_hw = file_readers.read_mat(semantic_path, "S")
        geometric_hw = file_readers.read_mat(geometric_path, "S")
        for label_hw, path, allowed in (
            (semantic_hw, semantic_path, range(len(self.facts.class_names) + 1)),
            (geometric_hw, geometric_path, range(-1, len(self.facts.more_labels["geo"]) + 1)),
        ):
            file_readers.check_label(label_hw, path, image_rgb.shape[:2], allowed)
        return (
            to_blob(image_rgb, np.array(self.facts.mean_bgr, np.float32)),
            to_zero_based(semantic_hw)[np.newaxis],
            to_zero_based(np.maximum(geometric_hw, 0))[np.newaxis],
        )


def siftflow_files(siftflow_dir: Path, item: str) -> tuple[Path, Path, Path]:
    """An id's image, semantic labels and geometric labels."""
    folder = "spatial_envelope_256x256_static_8outdoorcategories"
    return (
        siftflow_dir / "Images" / folder / f"{item}.jpg",
        siftflow_dir / "SemanticLabels" / folder / f"{item}.mat",
        siftflow_dir / "GeoLabels" / folder / f"{item}.mat",
    )


def prepare(facts: DataSet = SIFTFLOW) -> Mapping[str, int]:
    """Fetch and unpack data/sift-flow. Returns the images per split.

    Raises   DataError when a file is unavailable, or a list has an unexpected length
    """
    parts = {f"*/{part}/": SIFTFLOW_DIR / part for part in ("Images", "SemanticLabels", "GeoLabels")}
    items = {}
    for split, images in facts.splits.items():
        list_file = SIFTFLOW_DIR / f"{split}.txt"
        items[split] = preparation.fetch_list(f"siftflow-{split}", list_file, images)
        preparation.unpack_split("siftflow-dataset", parts, list_file, lambda item: siftflow_files(SIFTFLOW_DIR, item))
    preparation.check_disjoint(SIFTFLOW_DIR, items)
    return facts.splits
