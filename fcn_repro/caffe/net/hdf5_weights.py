"""A net's weights as HDF5: /data/<layer>/<index>, and /diff/... where asked for.

Source   caffe 9b89154 net.cpp (CopyTrainedLayersFromHDF5, ToHDF5). Caffe cannot store a layer whose name holds a slash
         unless its group exists; here such names are nested groups, written and read alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.layers.base import Layer
from fcn_repro.caffe.proto import hdf5_file
from fcn_repro.system.atomic_write import atomic_write

if TYPE_CHECKING:
    from fcn_repro.caffe.net.net import Net


def is_hdf5(path: str | Path) -> bool:
    """Whether the file's content, not its name, is HDF5.

    Raises   RuntimeError("Could not open file ...") for a missing file.
    """
    try:
        with open(path, "rb") as file:
            return file.read(8) == b"\x89HDF\r\n\x1a\n"
    except OSError as error:
        raise CaffeError(f"Could not open file {path}: {error.strerror}") from error


def load(net: Net, path: str | Path) -> None:
    """Copy the weights of every layer that both sides have, or nothing unless all of it fits.

    Raises   RuntimeError("Could not open file ...") for a missing file; CaffeError naming file, layer and both shapes
             where they differ, or a blob that the file lacks and that no other layer of the net shares.
    """
    if not is_hdf5(path):
        raise CaffeError(f"{path} is no HDF5 file; read a .caffemodel with copy_from")
    with hdf5_file.reading(path, "set of Caffe weights") as file:
        stored = hdf5_file.group(file, "data")
        pairs: list[tuple[Blob, h5py.Dataset]] = []
        for name, layer in net.layer_dict.items():
            if stored.get(name, getclass=True) is h5py.Group:
                pairs += _paired(net, layer, hdf5_file.group(stored, name))
        for blob, source in pairs:
            source.read_direct(blob.data)


def save(net: Net, path: str | Path, with_diff: bool) -> None:
    """Write every layer's blobs, those that are shared by name once, atomically."""
    with atomic_write(path, "wb") as temporary, h5py.File(temporary, "w") as file:
        for name, layer in net.layer_dict.items():
            data = file.require_group(f"data/{name}")
            for index, blob in enumerate(layer.blobs):
                if not net.is_shared(blob):
                    data.create_dataset(str(index), data=blob.data.astype(np.float32, copy=False))
            if with_diff:
                diff = file.require_group(f"diff/{name}")
                for index, blob in enumerate(layer.blobs):
                    diff.create_dataset(str(index), data=blob.diff.astype(np.float32, copy=False))


def _paired(net: Net, layer: Layer, stored: h5py.Group) -> list[tuple[Blob, h5py.Dataset]]:
    path = stored.file.filename
    if str(len(layer.blobs)) in stored:
        raise layer.error(f"has {len(layer.blobs)} blobs and more in {path}; rename it to leave it out")
    pairs = []
    for index, blob in enumerate(layer.blobs):
        if str(index) not in stored:
            if net.is_shared(blob):
                continue
            raise layer.error(f"has a blob {index}, which {path} lacks; rename the layer to leave it out")
        source = hdf5_file.numbers(stored, str(index))
        if source.shape != blob.dims:
            raise layer.error(f"has a blob {index} of shape {list(blob.dims)} and {list(source.shape)} in {path}")
        pairs.append((blob, source))
    return pairs
