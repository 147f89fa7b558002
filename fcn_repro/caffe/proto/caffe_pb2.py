"""Caffe's message classes and enum values, under the names of pycaffe's `caffe.proto.caffe_pb2`.

    caffe_pb2.NetParameter()   caffe_pb2.TRAIN   caffe_pb2.PoolingParameter.MAX   caffe_pb2.Phase.Name(1)

As in a generated module, the names stand in the module's dictionary; schema.py loads them.
"""

from __future__ import annotations

import typing

from fcn_repro.caffe.proto import schema

_symbols = schema.load_schema()
globals().update(_symbols)
__all__ = [name for name in _symbols if not name.startswith("_")]  # noqa: PLE0605 - the schema's names


def __getattr__(name: str) -> typing.Any:
    """Name what the schema lacks."""
    raise AttributeError(f"caffe.proto has no message, enum or enum value {name!r}")
