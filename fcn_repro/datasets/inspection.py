"""Read every image of a split once, before a training run meets the damaged one in its ninetieth hour."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import import_module
from typing import Iterator, Mapping, Sequence

import numpy as np

from fcn_repro.datasets.base import DataLayer, DataSet, SegDataLayer
from fcn_repro.datasets.file_readers import StrangeLabels
from fcn_repro.errors import DataError
from fcn_repro.system.progress import Progress

MUCH_VOID = 0.5  # of all pixels: then void may be a class by mistake
RARE = 1e-3  # of the pixels that count: a class that hardly weighs in the loss


@dataclass(frozen=True)
class Inspection:
    """What a split holds; of label maps and pictures, those of the images that can be served."""

    images: int
    faults: tuple[str, ...]  # one message per image that cannot be served
    strange: frozenset[int]  # label values that stand for nothing
    pixels: np.ndarray  # (label maps, 256): how many pixels hold each label
    having: np.ndarray  # (label maps, 256): how many images hold each label
    pictures: Mapping[str, str]  # ids by digest of the pixels


def inspect(spec: DataLayer) -> Inspection:
    """Read every image of the split that a data layer serves.

    Raises   DataError when there is no list to read
    """
    layer = outside_a_net(spec)
    labels = [i for i, top in enumerate(layer.top_names) if "label" in top]
    pixels, having = np.zeros((2, len(labels), 256), np.int64)
    faults: list[str] = []
    strange: set[int] = set()
    pictures: dict[str, str] = {}
    with Progress(len(layer.items), f"inspect {layer.list_file()}") as progress:
        for item in layer.items:
            try:
                arrays = layer.load(item)
                for row, i in enumerate(labels):
                    found = np.bincount(arrays[i].astype(np.uint8).ravel(), minlength=256)
                    pixels[row] += found
                    having[row] += found > 0
                pictures[hashlib.sha256(np.ascontiguousarray(arrays[0]).tobytes()).hexdigest()] = item
            except DataError as error:
                faults.append(str(error))
                strange.update(error.values if isinstance(error, StrangeLabels) else ())
            progress.advance()
    return Inspection(len(layer.items), tuple(faults), frozenset(strange), pixels, having, pictures)


def leaks(train: Inspection, val: Inspection) -> Sequence[tuple[str, str]]:
    """The ids, in train and in val, of pictures that are learnt and scored, whatever their files are called."""
    return [(train.pictures[digest], item) for digest, item in val.pictures.items() if digest in train.pictures]


def suspicions(found: Inspection, facts: DataSet) -> Iterator[str]:
    """What is allowed and yet hardly meant: in the words of those whose nets then learnt nothing."""
    classes, void = len(facts.class_names), facts.void
    if classes in found.strange:
        yield f"there are labels of {classes}, one beyond the last: they seem to count from 1, and have to count from 0"
    elif found.strange:
        values = ", ".join(map(str, sorted(found.strange)[:8]))
        yield f"labels of {values} stand for nothing; grey levels that stand for classes have to be converted"
    counted = found.pixels[0, :classes]
    total = counted.sum() + (found.pixels[0, void] if void is not None else 0)
    if total and void is not None and found.pixels[0, void] > MUCH_VOID * total:
        yield f"{found.pixels[0, void] / total:.0%} of the pixels are void ({void}), which is neither learnt nor scored"
    if total and void is not None and found.pixels[0, void] and (counted > 0).sum() == 1:
        yield f"but for void ({void}) there is only one class: is {void} meant to be another?"
    for label, name in enumerate(facts.class_names):
        if counted.sum() and counted[label] < RARE * counted.sum():
            share = f"{counted[label] / counted.sum():.2g} of the pixels that count" if counted[label] else "nowhere"
            yield f"{label} {name} is {share}"


def outside_a_net(spec: DataLayer) -> SegDataLayer:
    """A data layer by itself, set up but without a current item: it lists and loads its split."""
    kind = getattr(import_module(spec.module), spec.layer)
    layer = kind.__new__(kind)  # only a net can call the constructor of pycaffe's layers
    layer.param_str = repr(dict(spec.params))
    layer.setup([], spec.params.get("tops", kind.top_names))
    return layer
