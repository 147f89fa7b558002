"""Weights of a user data set's classes in the loss, for classes of very different frequency.

The loss becomes Caffe's InfogainLoss with the weights on the diagonal of its matrix: every pixel's cross entropy is
multiplied by the weight of its class. The loss is still a sum over pixels, or their plain mean.

Median frequency   the weight of a class is the median of all frequencies over its own; a frequency is the class's part
                   of the labelled pixels in the images that show it. Classes without pixels weigh 1
Source             Eigen and Fergus, arXiv 1411.4734, section 6.3; Badrinarayanan et al., SegNet, arXiv 1511.00561
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Sequence

import numpy as np

from fcn_repro.datasets.user import converted_labels
from fcn_repro.datasets.user.registry import UserDataset
from fcn_repro.datasets.user.user_dataset import make_facts, write_note
from fcn_repro.datasets.validate_data import SplitReport, validate_split
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.system.atomic_write import atomic_write

MEDIAN = "median"
LARGEST = 1e6  # weight


def balance_by_median(report: SplitReport, classes: int) -> tuple[float, ...]:
    """Return the median-frequency weight of each class of a split.

    Raises   DataError if the split has invalid images, or no labelled pixels
    """
    if report.errors:
        raise DataError(f"{report.errors[0]} ({len(report.errors)} invalid images)")
    assert report.pixels_beside is not None
    pixels, beside = report.pixels[0, :classes], report.pixels_beside[0, :classes]
    if not pixels.any():
        raise DataError("got no labelled pixels; expected some to weigh the classes by")
    frequency = pixels[pixels > 0] / beside[pixels > 0]
    weights = np.ones(classes)
    weights[pixels > 0] = np.median(frequency) / frequency
    return tuple(weights.tolist())


def parse_weights(text: str, classes: int) -> tuple[float, ...]:
    """Return the weights in a text of numbers with commas; empty for "median" and for no text.

    Raises   DataError for another number of them, and for others than positive numbers
    """
    if text in ("", MEDIAN):
        return ()
    try:
        weights = tuple(float(part) for part in text.split(","))
    except ValueError:
        weights = ()
    if len(weights) != classes or not all(0 < weight < LARGEST for weight in weights):
        expected = f"{MEDIAN}, or {classes} positive numbers with commas"
        raise DataError(f"--class-weights: got {text}, expected {expected}")
    return weights


def weigh_classes(note: UserDataset, weights: tuple[float, ...] = ()) -> None:
    """Write class weights, and name them in a data set's note. Without `weights`: median frequency in its train split.

    Raises   DataError as `balance_by_median` and `converted_labels.renew` do
    """
    if not weights:
        converted_labels.renew(note)
        weights = balance_by_median(validate_split(make_facts(note).train), len(note.class_names))
    write_infogain(note.weights_file, weights)
    write_note(replace(note, class_weights=weights))


def write_infogain(path: Path, weights: Sequence[float]) -> None:
    """Write InfogainLoss's matrix, (1, 1, C, C) with the weights on its diagonal, as Caffe's BlobProto."""
    blob = caffe.proto.caffe_pb2.BlobProto(data=np.diag(np.array(weights, np.float32)).ravel().tolist())
    blob.shape.dim.extend([1, 1, len(weights), len(weights)])
    with atomic_write(path, "wb") as file:
        file.write(blob.SerializeToString())
