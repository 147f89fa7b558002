"""Caffe's message classes and enum values, under the names of pycaffe's `caffe.proto.caffe_pb2`.

    caffe_pb2.NetParameter()   caffe_pb2.TRAIN   caffe_pb2.PoolingParameter.MAX   caffe_pb2.Phase.Name(1)

The classes come from caffe.desc, which protoc compiles from caffe.proto (`make proto`), and from forks.proto, which adds
the fields of forks. CAFFE_PROTO names further .proto files: a user's own messages and fields. The classes live in a
private descriptor pool, because real pycaffe registers the same names in the default pool and may be loaded beside this.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from fcn_repro.caffe.proto.schema_extension import extend

_pool = descriptor_pool.DescriptorPool()
(_file,) = FileDescriptorSet.FromString(Path(__file__).with_name("caffe.desc").read_bytes()).file
for _path in (Path(__file__).with_name("forks.proto"), *os.environ.get("CAFFE_PROTO", "").split(os.pathsep)):
    if _path:
        extend(_file, _path)
_pool.AddSerializedFile(_file.SerializeToString())
DESCRIPTOR = _pool.FindFileByName("caffe.proto")

if hasattr(message_factory, "GetMessageClass"):  # protobuf 4.22 and later

    def _message_class(descriptor: Descriptor) -> type:
        return message_factory.GetMessageClass(descriptor)

else:
    _message_class = message_factory.MessageFactory(_pool).GetPrototype

_symbols: dict[str, Any] = {name: _message_class(message) for name, message in DESCRIPTOR.message_types_by_name.items()}
for _name, _enum in DESCRIPTOR.enum_types_by_name.items():
    _symbols[_name] = EnumTypeWrapper(_enum)
    _symbols.update((value.name, value.number) for value in _enum.values)


def __getattr__(name: str) -> Any:
    """Return a message class, an enum or a value of a top-level enum."""
    try:
        return _symbols[name]
    except KeyError:
        raise AttributeError(f"caffe.proto has no message, enum or enum value {name!r}") from None


def __dir__() -> list[str]:
    return ["DESCRIPTOR", *_symbols]
