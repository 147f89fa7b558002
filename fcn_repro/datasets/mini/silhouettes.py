"""Bitmaps of ten kinds of animals, 1,000 of each, from the package animal-mnist.

Source   animal-mnist 0.4 (MIT): silhouettes from photos, 28 x 28 grey levels; zebras have stripes
"""

from __future__ import annotations

import gzip
import pickletools
from pathlib import Path
from typing import Mapping, NamedTuple, Sequence

import numpy as np

from fcn_repro.datasets.download.fetch import fetch_member
from fcn_repro.errors import DataError

PACKAGE, FOLDER = "animal-mnist", "animal_mnist/data/Animal_MNIST/"
KINDS = ("bear", "bird", "cat", "cow", "dog", "elephant", "giraffe", "horse", "sheep", "zebra")
EACH, SIDE = 1000, 28

HELD_OUT = 200  # bitmaps of each kind for val
TWIN = 0.95  # bitmaps with a larger IU count as duplicates


class Split(NamedTuple):
    """Bitmaps for training and held-out bitmaps, (N, 28, 28) uint8 each."""

    train: np.ndarray
    held_out: np.ndarray


def load_silhouettes() -> Mapping[str, np.ndarray]:
    """Load all bitmaps by kind: (1000, 28, 28) uint8, 0 outside the animal, up to 255 inside.

    Raises   DataError when the package is unavailable or has other contents
    """
    bitmaps = _read_array("animal_data_version_3.gz", np.dtype(np.uint8), (len(KINDS) * EACH, SIDE, SIDE))
    labels = _read_array("animal_label_version_3.gz", np.dtype("<i8"), (len(KINDS) * EACH,))
    return {kind: bitmaps[labels == label] for label, kind in enumerate(KINDS)}


def split(bitmaps: np.ndarray) -> Split:
    """Hold out the last 200 bitmaps, and drop their duplicates from the others."""
    train, held_out = bitmaps[:-HELD_OUT], bitmaps[-HELD_OUT:]
    return Split(train[_overlap(train, held_out).max(axis=1) < TWIN], held_out)


def _overlap(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of each of M bitmaps with each of N: (M, N)."""
    a, b = (bitmaps.reshape(len(bitmaps), -1) > 127 for bitmaps in (some, others))
    both = a.astype(np.float32) @ b.T.astype(np.float32)
    return both / np.maximum(a.sum(1)[:, None] + b.sum(1) - both, 1)


def _read_array(name: str, dtype: np.dtype, shape: Sequence[int]) -> np.ndarray:
    """Read the only array in a compressed pickle from its bytes, without executing the pickle."""
    path: Path = fetch_member(PACKAGE, FOLDER + name)
    size = int(np.prod(shape)) * dtype.itemsize
    arguments = [argument for _, argument, _ in pickletools.genops(gzip.decompress(path.read_bytes()))]
    arrays = [argument for argument in arguments if isinstance(argument, bytes) and len(argument) == size]
    if len(arrays) != 1:
        raise DataError(f"{path}: got {len(arrays)} arrays of {size} bytes; expected one. Fix: remove it and retry")
    return np.frombuffer(arrays[0], dtype).reshape(shape)
