"""Data sets that people bring along: images and label maps in two folders, and a list of classes.

Label maps   class indices from 0 on, in palette or grey PNGs; 255 is void, neither learnt nor scored
Mean         ILSVRC's, as the nets that training starts from saw it
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Sequence

import numpy as np

from fcn_repro.datasets import file_readers
from fcn_repro.datasets.base import DataLayer, DataSet, SegDataLayer, to_blob
from fcn_repro.datasets.preparation import check_count, write_list
from fcn_repro.datasets.user import folder_layout, registry
from fcn_repro.datasets.user.registry import Adoption
from fcn_repro.datasets.voc import MEAN_BGR
from fcn_repro.system.atomic_write import replacing

VOID = 255


class AdoptedDataSet(DataSet):
    """Facts of a data set that was adopted: it cannot be fetched again, but looked through."""

    @property
    def remedy(self) -> str:
        """What to do when a file is missing or damaged."""
        return f"All that is wrong with this data set: python -m tools.check {self.name}"


def facts(adopted: Adoption) -> DataSet:
    """The facts of an adopted data set."""

    def layer(split: str) -> DataLayer:
        params = {"data_set": adopted.name, "split": split, "mean": MEAN_BGR, "seed": 1337}
        return DataLayer("adopted_layers", "AdoptedSegDataLayer", params)

    return AdoptedDataSet(
        adopted.name, adopted.class_names, MEAN_BGR, VOID, adopted.splits, layer("train"), layer("val")
    )


class AdoptedSegDataLayer(SegDataLayer):
    """An adopted data set: photographs of any format, and label maps.

    Tops        data (1, 3, H, W): B G R, 0-255 minus mean · label (1, 1, H, W): class from 0 on, 255 void
    param_str   data_set, split, mean; optionally randomize, seed
    """

    required = ("data_set", "split", "mean")

    def setup(self, bottom: Sequence[Any], top: Sequence[Any]) -> None:
        """Learn from the note what there is; then as ever."""
        self.adopted = registry.read(self._parse(self.param_str)["data_set"])
        self.facts = facts(self.adopted)
        self.images = folder_layout.pictures(Path(self.adopted.images), folder_layout.PHOTOGRAPHS)
        self.label_maps = folder_layout.pictures(self.adopted.labels, folder_layout.LABEL_MAPS)
        super().setup(bottom, top)

    def list_file(self) -> Path:
        """SPLIT.txt beside the note."""
        return self.adopted.list_file(self.options["split"])

    def load(self, item: str) -> Sequence[np.ndarray]:
        """The photograph and the label map of that name."""
        image_path = self.images.get(item, Path(self.adopted.images, item))
        label_path = self.label_maps.get(item, self.adopted.labels / f"{item}.png")
        image_rgb = file_readers.read_any_rgb(image_path)
        label_hw = file_readers.read_indexed(label_path)
        file_readers.check_label(label_hw, label_path, image_rgb.shape[:2], self.facts.labels)
        return to_blob(image_rgb, self.options["mean"]), label_hw[np.newaxis]


def adopt(folder: Path, classes: Path, name: str, like: str) -> tuple[Adoption, Mapping[str, Sequence[str]]]:
    """What a folder holds, as it would be noted, and the IDs of each split; nothing is written.

    Raises   DataError where the folder or the list of classes is not as `layout` says
    """
    found = folder_layout.find_layout(folder)
    splits = folder_layout.find_splits(found, folder_layout.pairs(found))
    counts = {split: len(items) for split, items in splits.items()}
    names = folder_layout.read_classes(classes)
    return Adoption(name, str(found.images), str(found.labels), names, counts, like), splits


def write(adopted: Adoption, splits: Mapping[str, Sequence[str]]) -> None:
    """Note a data set: its lists, then, whole or not at all, the note that makes it known."""
    for split, items in splits.items():
        write_list(adopted.list_file(split), items, adopted.splits[split])
    with replacing(adopted.folder / registry.NOTE) as file:
        file.write(adopted.to_json())


def prepare(adopted: Adoption) -> Mapping[str, int]:
    """Nothing is to be fetched: see that the lists are as they were noted; images per split."""
    return {
        split: check_count(path, file_readers.read_list(path), count)
        for split, count in adopted.splits.items()
        for path in [adopted.list_file(split)]
    }
