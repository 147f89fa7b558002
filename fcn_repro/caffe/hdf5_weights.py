"""Weights as HDF5: /data/<layer>/<index>, and /diff/... where asked for.

Source   caffe 9b89154 net.cpp (CopyTrainedLayersFromHDF5, ToHDF5). Caffe cannot store a layer whose name holds a slash
         unless its group exists; here such names are nested groups, written and read alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from fcn_repro.atomic import replacing
from fcn_repro.caffe.errors import CaffeError

if TYPE_CHECKING:
    from fcn_repro.caffe.net import Net


def is_hdf5(path: str | Path) -> bool:
    """Whether the file's content, not its name, is HDF5.

    Raises   RuntimeError("Could not open file ...") for a missing file.
    """
    try:
        with open(path, "rb") as file:
            return file.read(8) == b"\x89HDF\r\n\x1a\n"
    except OSError as error:
        raise CaffeError(f"Could not open file {path}") from error


def load(net: Net, path: str | Path) -> None:
    """Copy the weights of every layer that both sides have.

    Raises   RuntimeError("Could not open file ...") for a missing file; CaffeError naming file, layer and both shapes
             where they differ, or a blob that the file lacks and that no other layer of the net shares.
    """
    if not is_hdf5(path):
        raise CaffeError(f"{path} is no HDF5 file; read a .caffemodel with copy_from")
    with h5py.File(path, "r") as file:
        stored = file.get("data")
        if not isinstance(stored, h5py.Group):
            raise CaffeError(f"{path} has no group /data, so it holds no Caffe weights")
        for name, layer in net.layer_dict.items():
            group = stored.get(name)
            if not isinstance(group, h5py.Group):
                continue
            for index, blob in enumerate(layer.blobs):
                source = group.get(str(index))
                if source is None:
                    if net.is_shared(blob):
                        continue
                    raise layer.error(f"has a blob {index}, which {path} lacks; rename the layer to leave it out")
                if source.shape != blob.dims:
                    raise layer.error(
                        f"has a blob {index} of shape {list(blob.dims)} and {list(source.shape)} in {path}"
                    )
                blob.data[...] = source[()]


def save(net: Net, path: str | Path, with_diff: bool) -> None:
    """Write every layer's blobs, those that are shared by name once, atomically."""
    with replacing(path, "wb") as temporary, h5py.File(temporary, "w") as file:
        for name, layer in net.layer_dict.items():
            data = file.require_group(f"data/{name}")
            for index, blob in enumerate(layer.blobs):
                if not net.is_shared(blob):
                    data.create_dataset(str(index), data=blob.data.astype(np.float32, copy=False))
            if with_diff:
                diff = file.require_group(f"diff/{name}")
                for index, blob in enumerate(layer.blobs):
                    diff.create_dataset(str(index), data=blob.diff.astype(np.float32, copy=False))
