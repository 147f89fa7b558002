"""Read one label map of any form as class indices."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Mapping, Sequence

import numpy as np
from PIL import Image

from fcn_repro.datasets import file_readers
from fcn_repro.datasets.data_set import VOID
from fcn_repro.datasets.orientation import read_orientation
from fcn_repro.datasets.user import colour_table
from fcn_repro.datasets.user.class_list import ClassList
from fcn_repro.datasets.user.colour_table import Converted
from fcn_repro.datasets.user.folder_layout import IMAGE_SUFFIXES, Layout, list_labels
from fcn_repro.datasets.user.polygons import Outlines, draw_outlines
from fcn_repro.datasets.user.registry import LabelForm, UserDataset
from fcn_repro.errors import DataError
from fcn_repro.system.untrusted_files import open_image

logger = logging.getLogger(__name__)


def read_label(path: Path, form: LabelForm, class_names: Sequence[str], outlines: Outlines | None = None) -> Converted:
    """Read a label map; `outlines` are those of the image, where the labels are polygons.

    Raises   DataError for a damaged file, UnknownLabels for values of no class
    """
    if outlines is not None:
        return Converted(draw_outlines(path, outlines, class_names), 0, 0)
    if form.mat_field:
        return Converted(
            map_values(file_readers.read_mat(path, *form.mat_field.split(".")), path, form, class_names), 0, 0
        )
    colours = make_table(form, class_names)
    if not colours and (form.tolerance or _has_channels(path)):
        colours = {(value,) * 3: label for value, label in list_values(form, class_names).items() if value < 256}
    if not colours:
        return Converted(map_values(file_readers.read_indexed(path), path, form, class_names), 0, 0)
    try:
        return colour_table.to_indices(file_readers.read_colours(path), colours, form.tolerance)
    except DataError as error:
        raise error if str(path) in str(error) else DataError(f"{path}: {error}") from error


def map_values(value_hw: np.ndarray, path: Path, form: LabelForm, class_names: Sequence[str]) -> np.ndarray:
    """Return the class index of each value, 255 for void: uint8.

    Raises   UnknownLabels for values of no class
    """
    labels = list_values(form, class_names)
    file_readers.check_values(value_hw, path, list(labels))
    values = np.array(sorted(labels))
    return np.array([labels[value] for value in sorted(labels)], np.uint8)[np.searchsorted(values, value_hw)]


def list_values(form: LabelForm, class_names: Sequence[str]) -> Mapping[int, int]:
    """Return the class index, or 255, of each value of a label map."""
    values = form.values or range(len(class_names))
    return {**dict.fromkeys((VOID, *form.void), VOID), **{value: label for label, value in enumerate(values)}}


def make_table(form: LabelForm, class_names: Sequence[str]) -> Mapping[colour_table.Colour, int]:
    """Return the label of each colour; empty where label maps hold values."""
    if isinstance(form.colours, str):
        return colour_table.make_voc_table(len(class_names))
    labels = {**{name: label for label, name in enumerate(class_names)}, colour_table.VOID_NAME: VOID}
    return {tuple(row[1:]): labels[row[0]] for row in form.colours}


def list_colours(table: str, class_names: Sequence[str]) -> str | tuple[tuple, ...]:
    """Return a table of colours as `LabelForm` holds it: "voc", or the rows of a file.

    Raises   DataError for a damaged table and names of no class
    """
    if table == colour_table.VOC:
        return table
    names = {**dict(enumerate(class_names)), VOID: colour_table.VOID_NAME}
    colours = colour_table.read_table(Path(table), class_names)
    return tuple((names[label], *colour) for colour, label in colours.items())


def complete_form(form: LabelForm, classes: ClassList, layout: Layout, before: UserDataset | None) -> LabelForm:
    """Add what a list of classes, or the data set as it was registered before, says about the label maps.

    The list may number its classes, and give their colours, which count where label maps hold colours. A table of
    colours that `validate_data` was given stays in force for the same label maps.
    """
    are_given, values = bool(form.values or form.colours or form.mat_field), form.values or classes.values
    void = {*form.void, *classes.void} - ({VOID} - set(values))
    form = replace(form, values=values, void=tuple(sorted(void)))
    if are_given:
        return form
    if classes.colours and has_colours(layout, form):
        logger.warning("label maps: converted from the colours of the list of classes")
        rows = ((name, *colour) for name, colours in classes.colours.items() for colour in colours)
        return replace(form, colours=tuple(rows))
    if before and before.form.colours and Path(before.given_labels) == layout.labels:
        logger.warning("label maps: converted from the colours given before; --colours gives others")
        return replace(form, colours=before.form.colours, tolerance=form.tolerance or before.form.tolerance)
    return form


def has_colours(layout: Layout, form: LabelForm) -> bool:
    """Whether the first label map holds colours and not values."""
    paths = list_labels(layout, form).values()
    return any(_has_channels(path) for path in list(paths)[:1] if path.suffix.lower() in IMAGE_SUFFIXES)


def check_form(form: LabelForm, class_names: Sequence[str]) -> None:
    """Refuse a form that does not fit the classes.

    Raises   DataError
    """
    if form.values and len(form.values) != len(class_names):
        names = len(class_names)
        raise DataError(f"got {len(form.values)} label values for {names} classes; expected {names}. Fix: --values")
    if len(set(form.values)) != len(form.values):
        raise DataError("got a label value for two classes; expected different ones. Fix: --values")
    both = sorted(set(form.void) & set(form.values or range(len(class_names))))
    if both:
        raise DataError(
            f"got {both[0]} as a class and as void; expected one meaning. Fix: --void, --values or the list"
        )
    rows = [] if isinstance(form.colours, str) else form.colours
    unknown = [row[0] for row in rows if row[0] not in (*class_names, colour_table.VOID_NAME)]
    if unknown:
        raise DataError(
            f"got colours of {unknown[0]}, which is no class; expected {', '.join(class_names)}. Fix: --colours TABLE"
        )


def fit_label(
    label_hw: np.ndarray, path: Path, image: Path, image_hw: Sequence[int], resize: bool = False
) -> np.ndarray:
    """Return the label map in the size of its image: refused if it differs, or scaled to the nearest pixels.

    Raises   DataError with both sizes, and the image's EXIF orientation if that explains them
    """
    if label_hw.shape == tuple(image_hw):
        return label_hw
    orientation = read_orientation(image)
    is_stored = orientation > 4 and label_hw.shape == tuple(image_hw[::-1])
    if resize and not is_stored:
        return np.array(Image.fromarray(label_hw).resize((image_hw[1], image_hw[0]), Image.Resampling.NEAREST))
    advice = "--resize-labels scales label maps to their images"
    if is_stored:
        advice = f"rotate the label map: the EXIF orientation {orientation} of {image.name} makes its image upright"
    try:
        file_readers.check_size(label_hw.shape, path, image_hw, "its image")
    except DataError as error:
        raise DataError(f"{error}. Fix: {advice}") from error
    return label_hw


def _has_channels(path: Path) -> bool:
    """Whether a file holds three or four channels, such as grey levels saved as R = G = B."""
    try:
        with open_image(path) as image:
            return image.mode.startswith(("RGB", "LA", "CMYK", "YCbCr"))
    except file_readers.DAMAGED_IMAGE as error:
        raise file_readers.read_error(path, "image", error) from error
