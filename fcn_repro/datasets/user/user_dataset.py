"""User data sets: images and label maps in two folders, and a list of classes.

Label maps   class indices from 0, in palette or grey images; 255 is void, which training and scoring ignore. Other
             forms (`registry.LabelForm`) are converted once: `converted_labels`
Mean         ILSVRC's mean pixel, as in the nets that training starts from
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Sequence

import numpy as np

from fcn_repro.datasets import file_readers
from fcn_repro.datasets.data_layer import SegDataLayer
from fcn_repro.datasets.data_set import VOID, DataSet, LayerSpec
from fcn_repro.datasets.photo import read_photo
from fcn_repro.datasets.preparation import check_count, write_list
from fcn_repro.datasets.preprocessing import to_blob
from fcn_repro.datasets.user import converted_labels, folder_layout, registry
from fcn_repro.datasets.user.class_list import ClassList
from fcn_repro.datasets.user.folder_layout import Layout
from fcn_repro.datasets.user.label_forms import check_form, fit_label
from fcn_repro.datasets.user.registry import LabelForm, UserDataset
from fcn_repro.datasets.user.split_lists import find_splits
from fcn_repro.datasets.voc import MEAN_BGR
from fcn_repro.errors import DataError
from fcn_repro.system.atomic_write import atomic_write

BACKGROUND = ("background", "bg", "other", "others", "rest", "none")  # names of what label 0 usually is


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

    infogain = note.weights_file.as_posix() if note.class_weights else ""
    facts = (note.name, note.class_names, MEAN_BGR, VOID, note.splits, layer("train"), layer("val"))
    return UserDatasetFacts(*facts, infogain=infogain)


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
        layout = converted_labels.find_layout_of(self.note)
        self.images = folder_layout.list_images(layout)
        with self._add_remedy():
            if not converted_labels.is_current(self.note):
                raise DataError(
                    f"{self.note.converted_labels}: missing, or older than {self.note.given_labels} and the classes"
                )
            given = self.note.labels == layout.labels
            self.label_maps = folder_layout.list_files(
                self.note.labels, folder_layout.LABEL_SUFFIXES, layout.label_ending if given else ""
            )
        super().setup(bottom, top)

    def list_file(self) -> Path:
        """SPLIT.txt beside the note."""
        return self.note.list_file(self.options["split"])

    def load(self, item: str) -> Sequence[np.ndarray]:
        """Load the image and the label map of an id."""
        image_path = self.images.get(item, Path(self.note.images, item))
        label_path = self.label_maps.get(item, self.note.labels / f"{item}.png")
        image_rgb = np.asarray(read_photo(image_path))
        label_hw = file_readers.read_indexed(label_path)
        label_hw = fit_label(label_hw, label_path, image_path, image_rgb.shape[:2])
        file_readers.check_values(label_hw, label_path, self.facts.labels)
        return to_blob(image_rgb, self.options["mean"]), label_hw[np.newaxis]


def scan_folder(
    layout: Layout, classes: ClassList, name: str, like: str, form: LabelForm
) -> tuple[UserDataset, Mapping[str, Sequence[str]]]:
    """Return the note of a folder's data set, and the ids of each split; write nothing.

    Raises   DataError when the folder breaks a rule of `folder_layout`, lies where the data set's own files will be, or
             the form does not fit the classes
    """
    check_form(form, classes.names)
    own = (registry.USER_DATASETS / name).resolve()
    for path in (layout.images, layout.labels, layout.lists):
        if own in (path.resolve(), *path.resolve().parents):
            raise DataError(f"{path}: lies in {own}, where the data set's own files are written. Fix: another --name")
    form = folder_layout.find_polygons(layout, form)
    splits = find_splits(layout, folder_layout.find_pairs(layout, form))
    counts = {split: len(items) for split, items in splits.items()}
    paths = (str(layout.images), str(layout.labels))
    endings = (layout.image_ending, layout.label_ending)
    return UserDataset(name, *paths, classes.names, counts, like, *endings, form), splits


def describe_zero(note: UserDataset) -> str:
    """Say what label 0 means where it may be void instead; empty where that is clear.

    Label maps whose classes count from 1, with 0 for void, are valid without their last class, but shifted by one.
    """
    first, classes = note.class_names[0], len(note.class_names)
    if note.form.values or note.form.void or note.form.colours or note.form.polygons or first.lower() in BACKGROUND:
        return ""
    return (
        f"label 0 is the class {first!r}. If 0 is void and classes count from 1, register the data set with --values "
        f"1-{classes} --void 0. If they count from 0, --values 0-{classes - 1} ends this remark"
    )


def write(note: UserDataset, splits: Mapping[str, Sequence[str]]) -> None:
    """Register a data set: write its lists, then atomically the note."""
    for split, items in splits.items():
        write_list(note.list_file(split), items, note.splits[split])
    if note.form.is_plain:
        converted_labels.remove(note)
    write_note(note)


def write_note(note: UserDataset) -> None:
    """Write the note of a data set, atomically."""
    with atomic_write(note.folder / registry.NOTE) as file:
        file.write(note.to_json())


def prepare(note: UserDataset) -> Mapping[str, int]:
    """Verify the lengths of the lists, and renew converted label maps. Returns the number of images per split."""
    converted_labels.renew(note)
    for split, count in note.splits.items():
        path = note.list_file(split)
        check_count(path, file_readers.read_list(path), count)
    return note.splits
