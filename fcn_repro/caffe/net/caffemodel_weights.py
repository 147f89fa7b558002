"""A net's weights in .caffemodel files.

Source   caffe 9b89154 net.cpp (CopyTrainedLayersFrom, ToProto), layer.hpp (ToProto)
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.layers.base import Layer
from fcn_repro.caffe.proto import caffe_pb2, caffemodel
from fcn_repro.caffe.proto.caffemodel import StoredLayer
from fcn_repro.caffe.proto.stored_blob import StoredBlob

log = logging.getLogger("caffe")


def load(path: str | Path, layers: Mapping[str, Layer], net_name: str) -> None:
    """Copy weights, and diffs if the file has them, to the layers of the same names; all of them or none.

    Raises   RuntimeError("Could not open file ...") for a missing file; CaffeError naming file, layer and both shapes
    """
    pairs: list[tuple[Blob, StoredBlob]] = []
    for stored in caffemodel.read(path):
        if stored.name in layers:
            pairs += _paired(layers[stored.name], stored, path)
        else:
            log.info("Ignoring source layer %s", stored.name)
    if not pairs:
        log.warning("%s has no weights for any layer of net %r", path, net_name)
    for blob, source in pairs:
        source.copy_to(blob)


def save(path: str | Path, net_name: str, layers: Iterable[tuple[Any, Layer]], with_diff: bool) -> None:
    """Write every layer's LayerParameter and blobs, atomically; shared blobs appear in each layer that uses them."""

    def stored_layers() -> Iterator[tuple[bytes, list[StoredBlob]]]:
        for param, layer in layers:
            header = caffe_pb2.LayerParameter()
            header.CopyFrom(param)
            header.ClearField("blobs")
            blobs = [StoredBlob(b.dims, False, b.data, b.diff if with_diff else None) for b in layer.blobs]
            yield header.SerializeToString(), blobs

    caffemodel.write(path, net_name, stored_layers())


def _paired(layer: Layer, stored: StoredLayer, path: str | Path) -> list[tuple[Blob, StoredBlob]]:
    if len(stored.blobs) != len(layer.blobs):
        raise layer.error(
            f"has {len(layer.blobs)} blobs, and {len(stored.blobs)} in {path}. Fix: rename the layer to skip it"
        )
    pairs = list(zip(layer.blobs, stored.blobs, strict=True))
    for index, (blob, source) in enumerate(pairs):
        if not source.fits(blob.dims):
            raise layer.error(
                f"has blob {index} of shape {list(blob.dims)}, and {list(source.shape)} in {path}. Fix: rename the "
                "layer to train it from scratch, or transplant the weights to reshape them "
                "(tools.convolutionalise, fcn_repro.model.surgery.transplant)"
            )
        source.check_count()
    return pairs
