"""A small protoc: the schema language of proto2 -> a FileDescriptorProto.

It knows the part of the language that Caffe's schema uses: one package; messages and enums, enums nested one deep; the
three labels; the options `default` and `packed`; line comments. Anything else is refused with its line.

Source   protobuf's language specification, proto2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)

LABELS = {
    "optional": FieldDescriptorProto.LABEL_OPTIONAL,
    "repeated": FieldDescriptorProto.LABEL_REPEATED,
    "required": FieldDescriptorProto.LABEL_REQUIRED,
}
SCALARS = {
    name: getattr(FieldDescriptorProto, f"TYPE_{name.upper()}")
    for name in ("double", "float", "int32", "int64", "uint32", "bool", "string", "bytes")
}
_TOKEN = re.compile(r'(?P<skip>\s+|//[^\n]*)|(?P<token>"[^"\n]*"|[-+.\w]+|[{}\[\]=;,])|(?P<bad>.)')


class SchemaError(ValueError):
    """The schema text breaks the language; the message names the line."""


def compile_schema(text: str, name: str) -> FileDescriptorProto:
    """What protoc makes of the file `name` with this text.

    Raises   SchemaError naming the line and the word found, or the type that is not declared.
    """
    tokens = _Tokens(text)
    tokens.expect("syntax", "=", '"proto2"', ";", "package")
    file = FileDescriptorProto(name=name, package=tokens.next())
    tokens.expect(";")
    while tokens.peek() is not None:
        kind = tokens.one_of("message", "enum")
        if kind == "message":
            _message(tokens, file.message_type.add())
        else:
            _enum(tokens, file.enum_type.add())
    _resolve(file)
    return file


def _message(tokens: _Tokens, message: DescriptorProto) -> None:
    message.name = tokens.next()
    tokens.expect("{")
    while tokens.peek() != "}":
        if tokens.one_of("enum", *LABELS) == "enum":
            _enum(tokens, message.enum_type.add())
        else:
            _field(tokens, message.field.add(label=LABELS[tokens.last]))
    tokens.expect("}")


def _enum(tokens: _Tokens, enum: EnumDescriptorProto) -> None:
    enum.name = tokens.next()
    tokens.expect("{")
    while tokens.peek() != "}":
        value = enum.value.add(name=tokens.next())
        tokens.expect("=")
        value.number = tokens.integer()
        tokens.expect(";")
    tokens.expect("}")


def _field(tokens: _Tokens, field: FieldDescriptorProto) -> None:
    field.type_name = tokens.next()
    field.name = tokens.next()
    tokens.expect("=")
    field.number = tokens.integer()
    if tokens.one_of("[", ";") == "[":
        option = tokens.one_of("default", "packed")
        tokens.expect("=")
        if option == "default":
            field.default_value = tokens.next().strip('"')
        else:
            field.options.packed = tokens.one_of("true", "false") == "true"
        tokens.expect("]", ";")


def _resolve(file: FileDescriptorProto) -> None:
    """Turn every type's name as written into its kind and, for messages and enums, its full name."""
    messages = {message.name for message in file.message_type}
    enums = {enum.name for enum in file.enum_type}
    for message in file.message_type:
        nested = {enum.name for enum in message.enum_type}
        for field in message.field:
            written = field.type_name
            field.ClearField("type_name")
            if written in SCALARS:
                field.type = SCALARS[written]
            elif written in nested:
                field.type, field.type_name = field.TYPE_ENUM, f".{file.package}.{message.name}.{written}"
            elif written in enums:
                field.type, field.type_name = field.TYPE_ENUM, f".{file.package}.{written}"
            elif written in messages:
                field.type, field.type_name = field.TYPE_MESSAGE, f".{file.package}.{written}"
            else:
                raise SchemaError(f"{file.name}: {message.name}.{field.name} has the undeclared type {written!r}")


@dataclass(frozen=True)
class _Token:
    text: str
    line: int


class _Tokens:
    """The words of a schema, one after the other."""

    def __init__(self, text: str) -> None:
        self._rest = list(_split(text))[::-1]
        self.last = ""

    def peek(self) -> str | None:
        return self._rest[-1].text if self._rest else None

    def next(self) -> str:
        if not self._rest:
            raise SchemaError(f"the schema ends after {self.last!r}")
        self.last = self._rest.pop().text
        return self.last

    def one_of(self, *allowed: str) -> str:
        if self._rest and self._rest[-1].text not in allowed:
            raise SchemaError(
                f"line {self._rest[-1].line}: found {self._rest[-1].text!r}, expected {' or '.join(allowed)}"
            )
        return self.next()

    def expect(self, *sequence: str) -> None:
        for text in sequence:
            self.one_of(text)

    def integer(self) -> int:
        line = self._rest[-1].line if self._rest else 0
        try:
            return int(self.next())
        except ValueError:
            raise SchemaError(f"line {line}: found {self.last!r}, expected a number") from None


def _split(text: str) -> Iterator[_Token]:
    line = 1
    for match in _TOKEN.finditer(text):
        if match["bad"]:
            raise SchemaError(f"line {line}: found the character {match['bad']!r}")
        if match["token"]:
            yield _Token(match["token"], line)
        line += match[0].count("\n")
