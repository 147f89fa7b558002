"""A net's weights as a .caffemodel.

Source   caffe 9b89154 net.cpp (CopyTrainedLayersFrom, ToProto), layer.hpp (ToProto)
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.layers.base import Layer
from fcn_repro.caffe.proto import caffe_pb2, caffemodel
from fcn_repro.caffe.proto.caffemodel import StoredLayer
from fcn_repro.caffe.proto.stored_blob import StoredBlob

if TYPE_CHECKING:
    from fcn_repro.caffe.net.net import Net

log = logging.getLogger("caffe")


def load(net: Net, path: str | Path) -> None:
    """Copy weights, and diffs where the file has them, to the layers of the same names.

    Nothing is copied unless all of it fits.

    Raises   RuntimeError("Could not open file ...") for a missing file; CaffeError naming file, layer and both shapes.
    """
    pairs: list[tuple[Blob, StoredBlob]] = []
    for stored in caffemodel.read(path):
        layer = net.layer_named(stored.name)
        if layer is None:
            log.info("Ignoring source layer %s", stored.name)
        else:
            pairs += _paired(layer, stored, path)
    if not pairs:
        log.warning("%s holds no weights for any layer of net %r", path, net.name)
    for blob, source in pairs:
        source.copy_to(blob)


def save(net: Net, path: str | Path, with_diff: bool) -> None:
    """Write every layer as it was built, with its blobs, atomically; shared ones stand in each layer that uses them."""

    def layers() -> Iterator[tuple[bytes, list[StoredBlob]]]:
        for layer, param in zip(net.layers, net.layer_params, strict=True):
            header = caffe_pb2.LayerParameter()
            header.CopyFrom(param)
            header.ClearField("blobs")
            blobs = [StoredBlob(b.dims, False, b.data, b.diff if with_diff else None) for b in layer.blobs]
            yield header.SerializeToString(), blobs

    caffemodel.write(path, net.name, layers())


def _paired(layer: Layer, stored: StoredLayer, path: str | Path) -> list[tuple[Blob, StoredBlob]]:
    if len(stored.blobs) != len(layer.blobs):
        raise layer.error(f"has {len(layer.blobs)} blobs and {len(stored.blobs)} in {path}; rename it to leave it out")
    for index, (blob, source) in enumerate(zip(layer.blobs, stored.blobs, strict=True)):
        if not source.fits(blob.dims):
            raise layer.error(
                f"has a blob {index} of shape {list(blob.dims)} and {list(source.shape)} in {path}; "
                "rename the layer to learn it anew, or transplant the weights (tools.convolutionalise, "
                "fcn_repro.model.surgery.transplant) to reshape them"
            )
        source.require_whole()
    return list(zip(layer.blobs, stored.blobs, strict=True))
