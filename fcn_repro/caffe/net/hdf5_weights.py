"""A net's weights in HDF5 files: /data/<layer>/<index>, and on request /diff/<layer>/<index>.

Source   caffe 9b89154 net.cpp (CopyTrainedLayersFromHDF5, ToHDF5)
Differs  Caffe cannot store a layer with a slash in its name; here such names become nested groups
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy as np

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.layers.base import Layer
from fcn_repro.caffe.proto import hdf5_file
from fcn_repro.caffe.proto.text_encoding import file_path
from fcn_repro.system.atomic_write import atomic_write

IsShared = Callable[[Blob], bool]  # whether a blob uses another layer's memory


def is_hdf5(path: str | Path) -> bool:
    """Return whether the file's content, not its name, is HDF5.

    Raises   RuntimeError("Could not open file ...") for a missing file
    """
    try:
        with open(file_path(str(path)), "rb") as file:
            return file.read(8) == b"\x89HDF\r\n\x1a\n"
    except OSError as error:
        raise CaffeError(f"Could not open file {path}: {error.strerror}") from error


def load(path: str | Path, layers: Mapping[str, Layer], is_shared: IsShared) -> None:
    """Copy the weights of every layer in both `layers` and the file; all of them or none.

    Raises   RuntimeError("Could not open file ...") for a missing file; CaffeError naming file, layer and both shapes
             where they differ, or an unshared blob that the file lacks
    """
    if not is_hdf5(path):
        raise CaffeError(f"{path}: not an HDF5 file. Fix: read a .caffemodel with copy_from")
    with hdf5_file.open_hdf5(path, "set of Caffe weights") as file:
        stored = hdf5_file.get_group(file, "data")
        pairs: list[tuple[Blob, h5py.Dataset]] = []
        for name, layer in layers.items():
            if stored.get(name, getclass=True) is h5py.Group:
                pairs += _paired(layer, hdf5_file.get_group(stored, name), is_shared)
        for blob, source in pairs:
            source.read_direct(blob.data)


def save(path: str | Path, layers: Mapping[str, Layer], is_shared: IsShared, with_diff: bool) -> None:
    """Write every layer's blobs, shared ones once, atomically."""
    with atomic_write(path, "wb") as temporary, h5py.File(temporary, "w") as file:
        for name, layer in layers.items():
            data = file.require_group(f"data/{name}")
            for index, blob in enumerate(layer.blobs):
                if not is_shared(blob):
                    data.create_dataset(str(index), data=blob.data.astype(np.float32, copy=False))
            if with_diff:
                diff = file.require_group(f"diff/{name}")
                for index, blob in enumerate(layer.blobs):
                    diff.create_dataset(str(index), data=blob.diff.astype(np.float32, copy=False))


def _paired(layer: Layer, stored: h5py.Group, is_shared: IsShared) -> list[tuple[Blob, h5py.Dataset]]:
    path = stored.file.filename
    if str(len(layer.blobs)) in stored:
        raise layer.error(f"has {len(layer.blobs)} blobs, and more in {path}. Fix: rename the layer to skip it")
    pairs = []
    for index, blob in enumerate(layer.blobs):
        if str(index) not in stored:
            if is_shared(blob):
                continue
            raise layer.error(f"has blob {index}, which {path} lacks. Fix: rename the layer to skip it")
        source = hdf5_file.get_numbers(stored, str(index))
        if source.shape != blob.dims:
            raise layer.error(f"has blob {index} of shape {list(blob.dims)}, and {list(source.shape)} in {path}")
        pairs.append((blob, source))
    return pairs
