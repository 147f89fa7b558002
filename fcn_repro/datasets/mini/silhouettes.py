"""Ten kinds of animals as small bitmaps, 1,000 of each, which the package animal-mnist ships.

Source   animal-mnist 0.4 (MIT): silhouettes of photographs, 28 x 28 grey levels; the zebras keep their stripes
"""

from __future__ import annotations

import gzip
import pickletools
from pathlib import Path
from typing import Mapping, NamedTuple, Sequence

import numpy as np

from fcn_repro.datasets.download.fetch import member
from fcn_repro.errors import DataError

PACKAGE, FOLDER = "animal-mnist", "animal_mnist/data/Animal_MNIST/"
KINDS = ("bear", "bird", "cat", "cow", "dog", "elephant", "giraffe", "horse", "sheep", "zebra")
EACH, SIDE = 1000, 28

HELD_OUT = 200  # bitmaps of each kind that training never sees
TWIN = 0.95  # two bitmaps that overlap this much (IU) are taken for the same picture


class Split(NamedTuple):
    """Bitmaps to train with and bitmaps held out, (N, 28, 28) uint8 each."""

    train: np.ndarray
    held_out: np.ndarray


def silhouettes() -> Mapping[str, np.ndarray]:
    """All bitmaps by kind: (1000, 28, 28) uint8, 0 outside the animal, up to 255 inside.

    Raises   DataError when the package cannot be had, or holds something else
    """
    bitmaps = _array("animal_data_version_3.gz", np.dtype(np.uint8), (len(KINDS) * EACH, SIDE, SIDE))
    labels = _array("animal_label_version_3.gz", np.dtype("<i8"), (len(KINDS) * EACH,))
    return {kind: bitmaps[labels == label] for label, kind in enumerate(KINDS)}


def split(bitmaps: np.ndarray) -> Split:
    """The last 200 bitmaps are held out; of the others, those that show what a held-out one shows are left out."""
    train, held_out = bitmaps[:-HELD_OUT], bitmaps[-HELD_OUT:]
    return Split(train[_overlap(train, held_out).max(axis=1) < TWIN], held_out)


def _overlap(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of each of M bitmaps with each of N: (M, N)."""
    a, b = (bitmaps.reshape(len(bitmaps), -1) > 127 for bitmaps in (some, others))
    both = a.astype(np.float32) @ b.T.astype(np.float32)
    return both / np.maximum(a.sum(1)[:, None] + b.sum(1) - both, 1)


def _array(name: str, dtype: np.dtype, shape: Sequence[int]) -> np.ndarray:
    """The one array in a compressed pickle. Its bytes are looked up, and nothing that the pickle says is executed."""
    path: Path = member(PACKAGE, FOLDER + name)
    size = int(np.prod(shape)) * dtype.itemsize
    found = [argument for _, argument, _ in pickletools.genops(gzip.decompress(path.read_bytes()))]
    fitting = [argument for argument in found if isinstance(argument, bytes) and len(argument) == size]
    if len(fitting) != 1:
        raise DataError(f"{path}: {len(fitting)} arrays of {size} bytes; expected one. Remove it and run this again")
    return np.frombuffer(fitting[0], dtype).reshape(shape)
