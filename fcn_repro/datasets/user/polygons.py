"""Label maps drawn from the outlines of labelme's and COCO's JSON files.

Order        as in the file: later shapes cover earlier ones
Background   pixels outside of all shapes are of the class "background" if there is one, else void
Edges        the pixels that an outline touches belong to its shape, as in labelme
labelme      one file per image: polygons, rectangles and circles
COCO         one file for all: polygons, and run lengths that are not compressed (of crowds)
"""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw

from fcn_repro.datasets.data_set import VOID
from fcn_repro.errors import DataError
from fcn_repro.system.json_note import read_note
from fcn_repro.system.untrusted_files import MAX_PIXELS

JSON_BYTES = 1 << 29  # COCO's own training file has 470 MB
LARGEST = 1e6  # of a coordinate, in pixels
VOID_NAMES, BACKGROUND_NAMES = ("void", "__ignore__"), ("background", "_background_")

Points = Sequence[Sequence[float]]  # x, y


@dataclass(frozen=True)
class Shape:
    """An area of one class."""

    name: str
    kind: str  # polygon, rectangle, circle or runs
    points: Points
    runs: Sequence[int] = ()  # of pixels outside and inside in turn, column by column


@dataclass(frozen=True)
class Outlines:
    """The shapes in an image of a size, (H, W)."""

    hw: tuple[int, int]
    shapes: Sequence[Shape]


def read_labelme(path: Path) -> Outlines:
    """Read a file of labelme.

    Raises   DataError for a damaged file, and shapes other than polygons, rectangles and circles
    """
    fields = {"imageHeight": int, "imageWidth": int, "shapes": [{"label": str, "points": [[float]]}]}
    note = read_note(path, fields, "save the file with labelme", DataError, JSON_BYTES)
    shapes = []
    for number, shape in enumerate(note["shapes"]):
        kind, points = shape.get("shape_type") or "polygon", shape["points"]
        if kind not in LEAST_POINTS:
            expected = ", ".join(LEAST_POINTS)
            raise DataError(f"{path}: shapes[{number}]: got a shape of type {kind!r}; expected {expected}")
        _check_points(path, f"shapes[{number}]", kind, points)
        shapes.append(Shape(shape["label"], kind, points))
    return Outlines(_check_size(path, note["imageHeight"], note["imageWidth"]), shapes)


def read_coco(path: Path) -> Mapping[str, Outlines]:
    """Read a COCO file: the outlines of each image by ID, the path of its file without the suffix.

    Raises   DataError for a damaged file, compressed run lengths, and annotations of unknown images or categories
    """
    fields = {
        "images": [{"id": int, "file_name": str, "height": int, "width": int}],
        "annotations": [{"image_id": int, "category_id": int}],
        "categories": [{"id": int, "name": str}],
    }
    note = read_note(path, fields, "export the data set as COCO again", DataError, JSON_BYTES)
    names = {each["id"]: each["name"] for each in note["categories"]}
    shapes: dict[int, list[Shape]] = {each["id"]: [] for each in note["images"]}
    sizes = {each["id"]: _check_size(path, each["height"], each["width"]) for each in note["images"]}
    for number, each in enumerate(note["annotations"]):
        place = f"annotations[{number}]"
        if each["image_id"] not in shapes or each["category_id"] not in names:
            found = f"image {each['image_id']} and category {each['category_id']}"
            raise DataError(f"{path}: {place}: got {found}; expected ids that the file defines")
        name, hw = names[each["category_id"]], sizes[each["image_id"]]
        shapes[each["image_id"]] += _read_segmentation(path, place, name, each.get("segmentation"), hw)
    stems = {each["id"]: _make_id(each["file_name"]) for each in note["images"]}
    if len(set(stems.values())) != len(note["images"]):
        raise DataError(f"{path}: got two images of the same id or file name; expected different ones")
    return {stems[image]: Outlines(sizes[image], shapes[image]) for image in shapes}


def draw_outlines(path: Path, outlines: Outlines, class_names: Sequence[str]) -> np.ndarray:
    """Draw the label map of an image: (H, W) uint8, class indices or 255.

    Raises   DataError for names of no class
    """
    labels = {name: label for label, name in enumerate(class_names)}
    background = labels.get("background", VOID)
    labels.update(dict.fromkeys(VOID_NAMES, VOID), **dict.fromkeys(BACKGROUND_NAMES, background))
    unknown = sorted({shape.name for shape in outlines.shapes} - labels.keys())
    if unknown:
        raise DataError(f"{path}: got shapes of {', '.join(unknown[:8])}; expected {', '.join(class_names)} or void")
    height, width = outlines.hw
    image = Image.new("L", (width, height), background)
    for shape in outlines.shapes:
        if shape.kind == "runs":
            inside = _decode_runs(shape.runs, outlines.hw)
            image.paste(labels[shape.name], mask=Image.fromarray(inside.astype(np.uint8) * 255))
        else:
            _draw(ImageDraw.Draw(image), shape, labels[shape.name])
    return np.array(image)


LEAST_POINTS = {"polygon": 3, "rectangle": 2, "circle": 2}


def _draw(draw: ImageDraw.ImageDraw, shape: Shape, label: int) -> None:
    points = [(float(x), float(y)) for x, y in shape.points]
    if shape.kind == "polygon":
        draw.polygon(points, fill=label, outline=label)
    elif shape.kind == "rectangle":
        (x1, y1), (x2, y2) = points[:2]
        draw.rectangle((min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)), fill=label, outline=label)
    else:  # a circle by its centre and a point of its rim
        (x, y), rim = points[0], math.dist(points[0], points[1])
        draw.ellipse((x - rim, y - rim, x + rim, y + rim), fill=label, outline=label)


def _read_segmentation(path: Path, place: str, name: str, found: Any, hw: tuple[int, int]) -> list[Shape]:
    """Return the shapes of an annotation: polygons as flat lists x, y, x, y, or run lengths."""
    if isinstance(found, dict):
        runs = found.get("counts")
        if (
            not isinstance(runs, list)
            or not all(type(run) is int and run >= 0 for run in runs)
            or sum(runs) != math.prod(hw)
        ):
            got = "compressed run lengths" if isinstance(runs, str) else "damaged run lengths"
            raise DataError(
                f"{path}: {place}: got {got}; expected polygons, or runs of {math.prod(hw)} pixels in total"
            )
        return [Shape(name, "runs", (), runs)]
    shapes = []
    for flat in found if isinstance(found, list) else [None]:
        if not isinstance(flat, list) or len(flat) % 2:
            raise DataError(f"{path}: {place}: got no polygons; expected segmentation, lists of x, y, x, y ...")
        points = list(zip(flat[::2], flat[1::2]))
        _check_points(path, place, "polygon", points)
        shapes.append(Shape(name, "polygon", points))
    return shapes


def _check_points(path: Path, place: str, kind: str, points: Points) -> None:
    is_point = all(len(p) == 2 and all(isinstance(x, (int, float)) and abs(x) <= LARGEST for x in p) for p in points)
    if len(points) < LEAST_POINTS[kind] or not is_point:
        expected = f"{LEAST_POINTS[kind]} or more points x, y up to {LARGEST:g}"
        raise DataError(f"{path}: {place}: got a {kind} of {len(points)} points; expected {expected}")


def _check_size(path: Path, height: int, width: int) -> tuple[int, int]:
    if min(height, width) < 1 or height * width > MAX_PIXELS:
        raise DataError(f"{path}: got an image of {width} x {height} pixels; expected 1 to {MAX_PIXELS} pixels")
    return height, width


def _decode_runs(runs: Sequence[int], hw: tuple[int, int]) -> np.ndarray:
    """Return the pixels inside, (H, W) bool."""
    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, runs).reshape(hw[::-1]).T


def _make_id(file_name: str) -> str:
    """Return the path without its suffix."""
    folder, slash, name = unicodedata.normalize("NFC", file_name).replace("\\", "/").rpartition("/")
    return folder + slash + (name.rpartition(".")[0] or name)
