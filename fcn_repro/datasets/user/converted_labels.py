"""Keep a user data set's converted label maps up to date: they are written again when their source changes.

The source is the form, the classes, the ids, and the size and time of every given label map and image.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Callable, Mapping, Sequence

from fcn_repro.datasets.file_readers import UnknownLabels, read_list
from fcn_repro.datasets.photo import read_hw
from fcn_repro.datasets.user import folder_layout, polygons
from fcn_repro.datasets.user.colour_table import Converted
from fcn_repro.datasets.user.folder_layout import Layout
from fcn_repro.datasets.user.label_forms import check_form, fit_label, read_label
from fcn_repro.datasets.user.registry import UserDataset
from fcn_repro.drawing.palette import save_label
from fcn_repro.errors import DataError
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.system.output_paths import check_outputs
from fcn_repro.system.progress import Progress

SHOWN = 20  # errors; the others are counted


@dataclass(frozen=True)
class Conversion:
    """What a conversion wrote, and how many pixels had no exact label or colour."""

    label_maps: int
    changed: int
    pixels: int
    largest: int  # the largest difference in a channel of the changed pixels


def find_layout_of(note: UserDataset) -> Layout:
    """Return the layout of a registered data set."""
    return Layout(Path(note.images), Path(note.given_labels), note.folder, note.image_ending, note.label_ending)


def is_current(note: UserDataset) -> bool:
    """Whether the label maps for training are those of the data set as it is now."""
    if note.form.is_plain:
        return True
    return note.converted_labels.is_dir() and _read_text(note.conversion) == _describe_source(note)


def renew(note: UserDataset) -> Conversion | None:
    """Write the converted label maps of all splits, all or none, unless they are current. None: nothing to do.

    Raises   UnknownLabels for label maps with values of no class, DataError for all other faults; they list the faults
    """
    if is_current(note):
        return None
    check_form(note.form, note.class_names)
    layout = find_layout_of(note)
    images, labels = folder_layout.list_images(layout), folder_layout.list_labels(layout, note.form)
    items = [item for split in note.splits for item in read_list(note.list_file(split))]
    outputs = [(note.converted_labels / f"{item}.png", labels.get(item, Path(item))) for item in items]
    check_outputs(outputs, labels.values(), "register the folder under another --name")
    source = _describe_source(note)
    found = _convert(note, items, images, labels)
    with atomic_write(note.conversion) as file:
        file.write(source)
    return found


def remove(note: UserDataset) -> None:
    """Remove the converted label maps of a data set whose given ones are used as they are."""
    shutil.rmtree(str(note.converted_labels), ignore_errors=True)
    if note.conversion.is_file():
        note.conversion.unlink()


def _convert(
    note: UserDataset, items: Sequence[str], images: Mapping[str, Path], labels: Mapping[str, Path]
) -> Conversion:
    out = note.converted_labels
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(str(part), ignore_errors=True)
    read = _make_reader(note, labels)
    errors: list[str] = []
    unknown: set[int] = set()
    present: set[int] = set()
    changed = pixels = largest = 0
    with Progress(len(items), "convert") as progress:
        for item in dict.fromkeys(items):
            try:
                if item not in images or item not in labels:
                    raise DataError(f"{item}: missing; expected an image and a label map")
                label_hw, differs, difference = read(item)
                label_hw = fit_label(label_hw, labels[item], images[item], read_hw(images[item]), note.form.resize)
                save_label(part / f"{item}.png", label_hw)
                changed, pixels, largest = changed + differs, pixels + label_hw.size, max(largest, difference)
            except DataError as error:
                errors.append(str(error))
                if isinstance(error, UnknownLabels):
                    unknown.update(error.values)
                    present.update(error.present)
            progress.advance()
    if errors:
        shutil.rmtree(str(part), ignore_errors=True)
        more = [f"... and {len(errors) - SHOWN} more"] if len(errors) > SHOWN else []
        message = "\n".join([*errors[:SHOWN], *more])
        raise UnknownLabels(message, sorted(unknown), sorted(present)) if unknown else DataError(message)
    shutil.rmtree(str(out), ignore_errors=True)
    os.replace(str(part), str(out))
    return Conversion(len(set(items)), changed, pixels, largest)


def _make_reader(note: UserDataset, labels: Mapping[str, Path]) -> Callable[[str], Converted]:
    """Return the function that reads the label map of an id."""
    outlines = polygons.read_coco(Path(note.given_labels)) if Path(note.given_labels).is_file() else {}

    def read(item: str) -> Converted:
        path = labels[item]
        shapes = outlines.get(item) or (polygons.read_labelme(path) if note.form.polygons else None)
        return read_label(path, note.form, note.class_names, shapes)

    return read


def _describe_source(note: UserDataset) -> str:
    """Return a text that changes with everything that converted label maps depend on."""
    layout = find_layout_of(note)
    images, one = folder_layout.list_images(layout), layout.labels if layout.labels.is_file() else None
    labels = {} if one else folder_layout.list_labels(layout, note.form)
    digest = hashlib.sha256()
    for split in note.splits:
        for item in read_list(note.list_file(split)):
            files = [path.stat() for path in (images.get(item), one or labels.get(item)) if path and path.exists()]
            facts = [item, *((file.st_size, file.st_mtime_ns) for file in files)]
            digest.update(json.dumps(facts).encode())
    return json.dumps({"form": asdict(note.form), "classes": note.class_names, "files": digest.hexdigest()}) + "\n"


def _read_text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
