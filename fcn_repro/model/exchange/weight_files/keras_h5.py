"""Read the weights of a Keras model from HDF5: a group for each layer, its kernel and its bias.

Keras 1 and 2 list the layers in the attribute `layer_names` and a layer's arrays in `weight_names`. Models saved whole
have them in the group `model_weights`; their configuration, which may hold code, is not read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import h5py
import numpy as np

from fcn_repro.model.exchange.weight_files.weight_file import UnreadableFile, WeightFile, check_total


def read(path: Path) -> WeightFile:
    """Read LAYER/kernel and LAYER/bias of every layer.

    Raises   UnreadableFile for another HDF5 file, for arrays in other files, and for a layer of other arrays
    """
    arrays, total = {}, 0
    with h5py.File(str(path), "r") as file:
        root = file["model_weights"] if _has_group(file, "model_weights") else file
        if "layer_names" not in root.attrs:
            raise UnreadableFile("got an HDF5 file without the attribute layer_names, expected the weights of Keras")
        for layer in _read_names(root.attrs["layer_names"]):
            for name, dataset in _find_datasets(layer, root):
                total += dataset.size * dataset.dtype.itemsize
                check_total(total)
                arrays[f"{layer}/{name}"] = np.asarray(dataset[()])
    return WeightFile("Keras HDF5", arrays)


def _find_datasets(layer: str, root: Any) -> Iterator[tuple[str, Any]]:
    """Return a layer's kernel and bias, which differ in their axes."""
    group = _follow(root, layer)
    names = _read_names(group.attrs["weight_names"]) if "weight_names" in group.attrs else []
    found = {"bias" if dataset.ndim == 1 else "kernel": dataset for dataset in (_follow(group, name) for name in names)}
    if len(found) != len(names):
        raise UnreadableFile(f"layer {layer}: got {', '.join(names)}, expected a kernel and a bias")
    yield from found.items()


def _follow(group: Any, name: str) -> Any:
    """Return a member; links to other files, and arrays stored there, are refused."""
    for part in name.split("/"):
        if not isinstance(group, h5py.Group) or not isinstance(group.get(part, getlink=True), h5py.HardLink):
            raise UnreadableFile(f"{name}: missing, or a link; expected an array of this file")
        group = group[part]
    if isinstance(group, h5py.Dataset) and (group.external or group.is_virtual or group.dtype.kind not in "fiu"):
        raise UnreadableFile(f"{name}: got an array of another file or of other things than numbers")
    return group


def _has_group(file: Any, name: str) -> bool:
    return isinstance(file.get(name, getlink=True, default=None), h5py.HardLink) and isinstance(file[name], h5py.Group)


def _read_names(names: Any) -> list[str]:
    return [name.decode("utf-8") if isinstance(name, bytes) else str(name) for name in np.ravel(names)]
