"""List everything in a prototxt that is unknown here, each with its line, layer, fork and what to do.

protobuf stops at the first unknown field. This reads the text on, by the schema, and skips what it does not know.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from fcn_repro.caffe.dialects.knowledge import advise

_TOKEN = re.compile(r"""#[^\n]*|\s+|("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[\w.+-]+|.)""", re.S)
_OPENING, _CLOSING = {"{": "}", "<": ">", "[": "]"}, ("}", ">", "]")

MOST = 100  # lines; a file of another format is all unknown


@dataclass
class Layer:
    """A layer of the text."""

    line: int
    name: str = ""
    type: str = ""


@dataclass
class Unknown:
    """A field or value that the schema lacks."""

    line: int
    layer: Layer | None
    what: str  # as a sentence's subject
    advice: str


def describe_unknown(text: str, descriptor: Any, known_types: Collection[str] | None = None) -> str:
    """Return a line on every unknown field, enum value and layer type of a prototxt, the first MOST of them.

    Parameters
        descriptor      of the message that the text should be
        known_types     the layer types that can be created; None: types are not judged
    """
    scan = _Scan(text)
    scan.read_all(descriptor)
    return _format(scan.unknown + _judge_types(scan.layers, known_types))


def describe_types(layers: Iterable[Any], known_types: Collection[str], text: str = "") -> str:
    """Return a line on each type of LayerParameters that cannot be created; `text`, their prototxt, gives the lines."""
    scan = _Scan(text)
    scan.read_all(None)
    lines = {layer.name: layer.line for layer in scan.layers}
    return _format(
        _judge_types([Layer(lines.get(layer.name, 0), layer.name, layer.type) for layer in layers], known_types)
    )


def _judge_types(layers: Iterable[Layer], known_types: Collection[str] | None) -> list[Unknown]:
    if known_types is None:
        return []
    return [
        Unknown(layer.line, layer, "its type is unknown", advise(layer.type, known_types))
        for layer in layers
        if layer.type and not layer.type.isupper() and layer.type not in known_types
    ]


def _format(found: list[Unknown]) -> str:
    lines = []
    for each in sorted(found, key=lambda unknown: unknown.line):
        where = [f"line {each.line}"] if each.line else []
        if each.layer is not None:
            where.append(f"layer {each.layer.name!r}" + (f" ({each.layer.type})" if each.layer.type else ""))
        lines.append(f"  {', '.join(where)}: {each.what}; {each.advice}")
    lines = list(dict.fromkeys(lines))
    more = [f"  and {len(lines) - MOST} more"] if len(lines) > MOST else []
    return "\n".join([*lines[:MOST], *more])


class _Scan:
    """One pass over a prototxt's tokens."""

    def __init__(self, text: str) -> None:
        self.unknown: list[Unknown] = []
        self.layers: list[Layer] = []
        self._tokens: list[tuple[str, int]] = []
        line = 1
        for match in _TOKEN.finditer(text):
            if match[1]:
                self._tokens.append((match[1], line))
            line += match[0].count("\n")
        self._at = 0

    def read_all(self, descriptor: Any) -> None:
        """Read the whole text; stop where messages are nested too deeply."""
        with contextlib.suppress(RecursionError):
            self._read(descriptor, None, False)

    def _read(self, descriptor: Any, layer: Layer | None, is_own: bool) -> None:
        """Read fields of a message up to its end.

        Parameters
            descriptor   of the message; None: unknown
            layer        the layer that the message belongs to
            is_own       whether the message is the layer itself
        """
        while self._at < len(self._tokens) and self._tokens[self._at][0] not in _CLOSING:
            name, line = self._take()
            if name in (",", ";"):
                continue
            if self._peek() == ":":
                self._take()
            field = descriptor.fields_by_name.get(name) if descriptor is not None else None
            if descriptor is not None and field is None:
                advice = advise(name, descriptor.fields_by_name)
                self.unknown.append(Unknown(line, layer, f"{descriptor.name} has no field {name}", advice))
            self._read_value(name, line, field, layer, is_own)

    def _read_value(self, name: str, line: int, field: Any, layer: Layer | None, is_own: bool) -> None:
        opening = self._peek()
        if opening == "[":
            self._take()
            while self._at < len(self._tokens) and self._peek() != "]":
                if self._peek() == ",":
                    self._take()
                else:
                    self._read_value(name, line, field, layer, is_own)
            self._take()
        elif opening in _OPENING:
            self._take()
            inner = field.message_type if field is not None else None
            is_layer = name in ("layer", "layers")
            if is_layer and layer is None:
                layer = Layer(line)
                self.layers.append(layer)
            self._read(inner, layer, is_layer)
            self._take()
        else:
            self._read_scalar(name, field, layer, is_own)

    def _read_scalar(self, name: str, field: Any, layer: Layer | None, is_own: bool) -> None:
        value, line = self._take()
        if value[:1] in "\"'":
            value = value[1:-1]
            while self._peek()[:1] in ("'", '"'):
                value += self._take()[0][1:-1]
        if layer is not None and is_own and name in ("name", "type") and not getattr(layer, name):
            setattr(layer, name, value)
        enum = field.enum_type if field is not None else None
        if enum is not None and not value.lstrip("+-").isdigit() and value not in enum.values_by_name:
            advice = advise(value, enum.values_by_name)
            self.unknown.append(Unknown(line, layer, f"{field.name} has no value {value}", advice))

    def _peek(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _take(self) -> tuple[str, int]:
        self._at += 1
        return self._tokens[self._at - 1] if self._at <= len(self._tokens) else ("", 0)
