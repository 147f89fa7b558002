"""Variants of the table of cases: every number of bottoms and tops, and every optional field."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from google.protobuf import text_format

from fcn_repro.caffe.proto import caffe_pb2
from tests.fixtures.layers.catalogue import CASES
from tests.fixtures.layers.layer_case import LayerCase
from tests.oracle.oracle import Case

COUNTS = range(5)  # of bottoms and tops
SHARED = ("transform_param", "loss_param")  # parameters of several layer types
INTEGERS, FLOATS = (0, 1, 2, 3, -1), (0.0, 0.5, -1.0, 2.0)
FILLERS = ("constant", "gaussian", "uniform", "xavier", "msra", "positive_unitball", "bilinear", "none")
CUDNN = 2  # an Engine that this build of Caffe lacks


def bases() -> dict[str, LayerCase]:
    """The first comparable case of each type."""
    found: dict[str, LayerCase] = {}
    for case in CASES:
        if case.is_comparable and not case.in_place:
            found.setdefault(case.type, replace(case, later=(), backward=False))
    return found


def vary_counts(type_: str) -> Iterator[LayerCase]:
    """Yield variants of every case of a type with another number of bottoms: 0 to 4 bottoms and tops, with weights."""
    by_count: dict[int, LayerCase] = {}
    for case in CASES:
        if case.type == type_ and case.is_comparable and not case.in_place:
            by_count.setdefault(len(case.bottoms), replace(case, later=(), backward=False))
    for base, bottoms, tops, forced in itertools.product(by_count.values(), COUNTS, COUNTS, (True, False)):
        if base.bottoms or not bottoms:
            given = tuple(base.bottoms[min(index, len(base.bottoms) - 1)] for index in range(bottoms))
            yield replace(base, bottoms=given, tops=tops, forced=forced)


def vary_fields(type_: str, known: dict[str, list[str]]) -> Iterator[LayerCase]:
    """Yield a type's base case with one field of its parameters set or cleared; `known` are Caffe's own fields."""
    base = bases()[type_]
    param = text_format.Parse(base.param, caffe_pb2.LayerParameter())
    names = {field.name for case in CASES if case.type == type_ for field in _parameters(case)}
    for name in sorted(names | ({"loss_param"} if type_.endswith("Loss") else set())):
        message = getattr(param, name)
        for field in message.DESCRIPTOR.fields:
            if field.name not in known[message.DESCRIPTOR.name]:
                continue
            for value in _values(field):
                changed = caffe_pb2.LayerParameter()
                changed.CopyFrom(param)
                inner = getattr(changed, name)
                inner.SetInParent()
                _set(inner, field, value)
                yield replace(base, param=text_format.MessageToString(changed, as_one_line=True))


def forward_case(case: LayerCase) -> Case:
    """One forward pass of a layer."""
    arrays = {f"0/b{place}": np.float32(values) for place, values in enumerate(case.draw()[0])}
    return Case("net", {"text": case.text, "phase": case.phase, "seed": case.seed, "backward": False}, arrays)


def _parameters(case: LayerCase) -> list[Any]:
    param = text_format.Parse(case.param, caffe_pb2.LayerParameter())
    return [field for field, _ in param.ListFields() if field.name.endswith("_param") and field.name not in SHARED]


def _values(field: Any) -> list[Any]:
    """The values to try; None clears the field."""
    if field.type == field.TYPE_MESSAGE:
        is_filler = field.message_type.name == "FillerParameter"
        return [None, *({"type": kind, "value": 0.5} for kind in FILLERS)] if is_filler else [None]
    if field.type == field.TYPE_ENUM:
        return [None, *(v.number for v in field.enum_type.values if (field.name, v.number) != ("engine", CUDNN))]
    if field.type == field.TYPE_BOOL:
        return [None, True, False]
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return [None, *FLOATS]
    if field.type == field.TYPE_STRING:
        return [None]
    unsigned = field.type in (field.TYPE_UINT32, field.TYPE_UINT64)
    return [None, *(value for value in INTEGERS if not unsigned or value >= 0)]


def _set(message: Any, field: Any, value: Any) -> None:
    message.ClearField(field.name)
    if value is None:
        return
    is_repeated = hasattr(getattr(message, field.name), "extend")
    if field.type == field.TYPE_MESSAGE:
        for name, part in value.items():
            setattr(getattr(message, field.name), name, part)
    elif is_repeated:
        getattr(message, field.name).extend([value])
    else:
        setattr(message, field.name, value)
