"""Read every image of a split once, and collect errors and statistics before a long training run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Collection, Iterator, Mapping, Sequence

import numpy as np

from fcn_repro.datasets.data_layer import open_data_layer
from fcn_repro.datasets.data_set import DataSet, LayerSpec
from fcn_repro.datasets.file_readers import UnknownLabels
from fcn_repro.errors import DataError
from fcn_repro.system.progress import Progress

MUCH_VOID = 0.5  # of all pixels: more suggests that void is meant as a class
RARE = 1e-3  # of the labelled pixels: a rarer class hardly contributes to the loss


@dataclass(frozen=True)
class SplitReport:
    """Errors and statistics of a split; the statistics cover the valid images."""

    images: int
    errors: tuple[str, ...]  # one message per invalid image
    unknown: frozenset[int]  # label values of no class
    pixels: np.ndarray  # (label maps, 256): number of pixels per label
    images_with: np.ndarray  # (label maps, 256): number of images with the label
    digests: Mapping[str, str]  # ids by digest of the pixels
    present: frozenset[int] = frozenset()  # all values of the label maps that hold values of no class
    pixels_beside: np.ndarray | None = None  # (label maps, 256): labelled pixels of the images with the label


def validate_split(spec: LayerSpec) -> SplitReport:
    """Read every image of a data layer's split.

    Raises   DataError when the split's list is missing
    """
    layer = open_data_layer(spec)
    labels = [i for i, top in enumerate(layer.top_names) if "label" in top]
    pixels, images_with, pixels_beside = np.zeros((3, len(labels), 256), np.int64)
    errors: list[str] = []
    unknown: set[int] = set()
    present: set[int] = set()
    void = layer.facts.void
    digests: dict[str, str] = {}
    with Progress(len(layer.items), f"validate {layer.list_file()}") as progress:
        for item in layer.items:
            try:
                arrays = layer.load(item)
                for row, i in enumerate(labels):
                    counts = np.bincount(arrays[i].astype(np.uint8).ravel(), minlength=256)
                    pixels[row] += counts
                    images_with[row] += counts > 0
                    pixels_beside[row] += (counts > 0) * (counts.sum() - (0 if void is None else counts[void]))
                digests[hashlib.sha256(np.ascontiguousarray(arrays[0]).tobytes()).hexdigest()] = item
            except DataError as error:
                errors.append(str(error))
                if isinstance(error, UnknownLabels):
                    unknown.update(error.values)
                    present.update(error.present)
            progress.advance()
    found = (pixels, images_with, digests, frozenset(present), pixels_beside)
    return SplitReport(len(layer.items), tuple(errors), frozenset(unknown), *found)


def find_shared_images(train: SplitReport, val: SplitReport) -> Sequence[tuple[str, str]]:
    """The ids, in train and in val, of identical images, whatever their names."""
    return [(train.digests[digest], item) for digest, item in val.digests.items() if digest in train.digests]


def describe_unknown(unknown: Collection[int], present: Collection[int], classes: int) -> str:
    """Say what label values of no class probably mean, and the options of tools.user_dataset that say so.

    Parameters
        present   all values of the label maps
    """
    last = f"labels of {classes}, one beyond the last class:"
    if set(unknown) == {classes} and 0 in present:
        return (
            f"{last} is it void? Then: --void {classes}. Or is 0 void, and do classes count from 1? Then: "
            f"--values 1-{classes} --void 0"
        )
    if set(unknown) == {classes}:
        return f"{last} they seem to count from 1. Then: --values 1-{classes}"
    values = ", ".join(f"{value:g}" for value in sorted(unknown)[:8])
    return (
        f"labels of {values} are no classes; convert grey levels to class indices: --values lists the label of each "
        "class, --void those of none"
    )


def find_suspicions(report: SplitReport, facts: DataSet) -> Iterator[str]:
    """Describe what is valid but probably a mistake, and makes training fail."""
    classes, void = len(facts.class_names), facts.void
    if report.unknown:
        yield describe_unknown(report.unknown, report.present | set(report.pixels[0].nonzero()[0]), classes)
    counts = report.pixels[0, :classes]
    labelled, ignored = counts.sum(), report.pixels[0, void] if void is not None else 0
    if ignored > MUCH_VOID * (labelled + ignored):
        yield f"{ignored / (labelled + ignored):.0%} of the pixels are void ({void}): training and scoring ignore them"
    if ignored and (counts > 0).sum() == 1:
        mask = " Then: --values 0,255" if classes == 2 and counts[0] else ""
        yield f"there is only one class besides void ({void}): is {void} meant to be a class?{mask}"
    for label, name in enumerate(facts.class_names):
        if labelled and counts[label] < RARE * labelled:
            share = f"has {counts[label] / labelled:.2g} of the labelled pixels" if counts[label] else "has no pixels"
            yield f"{label} {name} {share}"
