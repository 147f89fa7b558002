"""Read every image of a split once, before a training run meets the damaged one in its ninetieth hour."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

import numpy as np

from fcn_repro.datasets.base import DataLayer, SegDataLayer
from fcn_repro.errors import DataError
from fcn_repro.progress import Progress


@dataclass(frozen=True)
class Inspection:
    """What a split holds."""

    images: int
    faults: tuple[str, ...]  # one message per image that cannot be served
    pixels: np.ndarray  # (label maps, 256): how many pixels of the whole images hold each label


def inspect(spec: DataLayer) -> Inspection:
    """Read every image of the split that a data layer serves.

    Raises   DataError when there is no list to read
    """
    layer = _outside_a_net(spec)
    labels = [i for i, top in enumerate(layer.top_names) if "label" in top]
    pixels = np.zeros((len(labels), 256), np.int64)
    faults = []
    with Progress(len(layer.items), f"inspect {layer.list_file()}") as progress:
        for item in layer.items:
            try:
                arrays = layer.load(item)
                for row, i in enumerate(labels):
                    pixels[row] += np.bincount(arrays[i].astype(np.uint8).ravel(), minlength=256)
            except DataError as error:
                faults.append(str(error))
            progress.advance()
    return Inspection(len(layer.items), tuple(faults), pixels)


def _outside_a_net(spec: DataLayer) -> SegDataLayer:
    """The layer by itself, set up but without a current item."""
    kind = getattr(import_module(spec.module), spec.layer)
    layer = kind.__new__(kind)  # only a net can call the constructor of pycaffe's layers
    layer.param_str = repr(dict(spec.params))
    layer.setup([], spec.params.get("tops", kind.top_names))
    return layer
