"""Caffe's schema as message classes, and what a module that protoc generates from it holds.

The schema comes from caffe.desc, which protoc compiles from caffe.proto (`make proto`), and from forks.proto, which
adds the fields of forks. CAFFE_PROTO names further .proto files: a user's own messages and fields. The classes live in
a private descriptor pool, because real pycaffe registers the same names in the default pool and may be loaded beside
this.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from fcn_repro.caffe.proto.schema_extension import extend

_FOLDER = Path(__file__).parent
_pool = descriptor_pool.DescriptorPool()

if hasattr(message_factory, "GetMessageClass"):  # protobuf 4.22 and later

    def _message_class(descriptor: Descriptor) -> type:
        return message_factory.GetMessageClass(descriptor)

else:
    _message_class = message_factory.MessageFactory(_pool).GetPrototype


def load_schema() -> dict[str, Any]:
    """Return the names of a generated module: DESCRIPTOR, messages, enums, their values, and descriptors by _NAME."""
    (file,) = FileDescriptorSet.FromString((_FOLDER / "caffe.desc").read_bytes()).file
    for path in (str(_FOLDER / "forks.proto"), *os.environ.get("CAFFE_PROTO", "").split(os.pathsep)):
        if path:
            extend(file, path)
    _pool.AddSerializedFile(file.SerializeToString())
    schema = _pool.FindFileByName("caffe.proto")
    symbols: dict[str, Any] = {"DESCRIPTOR": schema}
    for name, enum in schema.enum_types_by_name.items():
        symbols[name] = EnumTypeWrapper(enum)
        symbols.update((value.name, value.number) for value in enum.values)
    symbols.update((name, _message_class(message)) for name, message in schema.message_types_by_name.items())
    symbols.update(_list_descriptors(schema))
    return symbols


def _list_descriptors(parent: FileDescriptor | Descriptor, scope: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the descriptors under protoc's names: _NETPARAMETER, _POOLINGPARAMETER_POOLMETHOD."""
    messages = parent.message_types_by_name if isinstance(parent, FileDescriptor) else parent.nested_types_by_name
    enums: dict[str, EnumDescriptor] = parent.enum_types_by_name
    for name, descriptor in (*enums.items(), *messages.items()):
        yield f"{scope}_{name.upper()}", descriptor
        if isinstance(descriptor, Descriptor):
            yield from _list_descriptors(descriptor, f"{scope}_{name.upper()}")
