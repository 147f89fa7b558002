"""User data sets: images and label maps in two folders, and a list of classes.

Label maps   class indices from 0, in palette or grey images; 255 is void, which training and scoring ignore
Mean         ILSVRC's mean pixel, as in the nets that training starts from
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Sequence

import numpy as np

from fcn_repro.datasets import file_readers
from fcn_repro.datasets.data_layer import SegDataLayer
from fcn_repro.datasets.data_set import VOID, DataSet, LayerSpec
from fcn_repro.datasets.preparation import check_count, write_list
from fcn_repro.datasets.preprocessing import to_blob
from fcn_repro.datasets.user import folder_layout, registry
from fcn_repro.datasets.user.registry import UserDataset
from fcn_repro.datasets.voc import MEAN_BGR
from fcn_repro.system.atomic_write import atomic_write


class UserDatasetFacts(DataSet):
    """Facts of a user data set, which cannot be fetched again but can be validated."""

    @property
    def remedy(self) -> str:
        """How to find out more about a missing or damaged file."""
        return f"To list all errors of this data set, run: python -m tools.validate_data {self.name}"


def make_facts(note: UserDataset) -> DataSet:
    """Return the facts of a user data set."""

    def layer(split: str) -> LayerSpec:
        params = {"data_set": note.name, "split": split, "mean": MEAN_BGR, "seed": 1337}
        return LayerSpec("adopted_layers", "AdoptedSegDataLayer", params)

    return UserDatasetFacts(note.name, note.class_names, MEAN_BGR, VOID, note.splits, layer("train"), layer("val"))


class AdoptedSegDataLayer(SegDataLayer):
    """A user data set: images of any format, and label maps. The name is settled: prototxts of older runs hold it.

    Tops        data (1, 3, H, W): B G R, 0-255 minus mean · label (1, 1, H, W): class index, 255 void
    param_str   data_set, split, mean; optionally randomize, seed
    """

    required = ("data_set", "split", "mean")

    def setup(self, bottom: Sequence[Any], top: Sequence[Any]) -> None:
        """Read the note and list the files, then set up as usual."""
        self.note = registry.read_user_dataset(self._parse(self.param_str)["data_set"])
        self.facts = make_facts(self.note)
        self.images = folder_layout.list_files(Path(self.note.images), folder_layout.IMAGE_SUFFIXES)
        self.label_maps = folder_layout.list_files(self.note.labels, folder_layout.LABEL_SUFFIXES)
        super().setup(bottom, top)

    def list_file(self) -> Path:
        """SPLIT.txt beside the note."""
        return self.note.list_file(self.options["split"])

    def load(self, item: str) -> Sequence[np.ndarray]:
        """Load the image and the label map of an id."""
        image_path = self.images.get(item, Path(self.note.images, item))
        label_path = self.label_maps.get(item, self.note.labels / f"{item}.png")
        image_rgb = file_readers.read_any_rgb(image_path)
        label_hw = file_readers.read_indexed(label_path)
        file_readers.check_label(label_hw, label_path, image_rgb.shape[:2], self.facts.labels)
        return to_blob(image_rgb, self.options["mean"]), label_hw[np.newaxis]


def scan_folder(folder: Path, classes: Path, name: str, like: str) -> tuple[UserDataset, Mapping[str, Sequence[str]]]:
    """Return the note of a folder's data set, and the ids of each split; write nothing.

    Raises   DataError when the folder or the list of classes breaks a rule of `folder_layout`
    """
    found = folder_layout.find_layout(folder)
    splits = folder_layout.find_splits(found, folder_layout.find_pairs(found))
    counts = {split: len(items) for split, items in splits.items()}
    names = folder_layout.read_classes(classes)
    return UserDataset(name, str(found.images), str(found.labels), names, counts, like), splits


def write(note: UserDataset, splits: Mapping[str, Sequence[str]]) -> None:
    """Register a data set: write its lists, then atomically the note."""
    for split, items in splits.items():
        write_list(note.list_file(split), items, note.splits[split])
    with atomic_write(note.folder / registry.NOTE) as file:
        file.write(note.to_json())


def prepare(note: UserDataset) -> Mapping[str, int]:
    """Verify the lengths of the lists; nothing needs fetching. Returns the number of images per split."""
    for split, count in note.splits.items():
        path = note.list_file(split)
        check_count(path, file_readers.read_list(path), count)
    return note.splits
