"""Read and write .caffemodel weights as memory-mapped arrays.

Source   caffe 9b89154 caffe.proto (NetParameter, LayerParameter, V1LayerParameter, V0LayerParameter), net.cpp (ToProto)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto.stored_blob import StoredBlob, encode_blob, read_blob
from fcn_repro.caffe.proto.wire import BYTES, Field, Reader, encode_field, encode_message
from fcn_repro.system.atomic_write import atomic_write


@dataclass
class StoredLayer:
    """A layer's name and parameter blobs in a file."""

    name: str
    blobs: list[StoredBlob] = field(default_factory=list)


def read(path: str | Path) -> list[StoredLayer]:
    """Read the layers of a binary NetParameter in file order. Layers may have the format V0, V1 or V2.

    Values are mapped from the file, not copied. Unknown fields are skipped, as in protobuf.

    Raises   CaffeError("Could not open file ...") as pycaffe does, or naming the file and the damaged place; also for a
             file without layers.
    """
    reader = Reader(path, ".caffemodel")
    layers = []
    for part in reader.message():
        if part.wire == BYTES and part.number == 100:
            layers.append(_read_layer(reader, part, name=1, blobs=7))
        elif part.wire == BYTES and part.number == 2:
            layers.append(_read_v1_layer(reader, part))
    if not layers:
        raise CaffeError(f"{path} holds no layers; is it a .caffemodel?")
    return layers


def write(path: str | Path, net_name: str, layers: Iterable[tuple[bytes, Sequence[StoredBlob]]]) -> None:
    """Write a NetParameter atomically. `layers` yields each serialised LayerParameter without blobs, and its blobs."""
    with atomic_write(path, "wb") as file:
        file.write(encode_field(1, net_name.encode()))
        for header, blobs in layers:
            pieces: list[bytes | memoryview] = [header]
            for blob in blobs:
                pieces += encode_message(7, encode_blob(blob))
            file.writelines(encode_message(100, pieces))


def _read_v1_layer(reader: Reader, message: Field) -> StoredLayer:
    for part in reader.inside(message):
        if part.number == 1 and part.wire == BYTES:  # a V0 layer inside the V1 message
            return _read_layer(reader, part, name=1, blobs=50)
    return _read_layer(reader, message, name=4, blobs=6)


def _read_layer(reader: Reader, message: Field, name: int, blobs: int) -> StoredLayer:
    parts = [part for part in reader.inside(message) if part.wire == BYTES]
    layer = StoredLayer(next((reader.text(part) for part in reversed(parts) if part.number == name), ""))
    for part in parts:
        if part.number == blobs:
            where = f"{reader.path}: layer {layer.name!r}, blob {len(layer.blobs)}"
            layer.blobs.append(read_blob(reader, part, where))
    return layer
