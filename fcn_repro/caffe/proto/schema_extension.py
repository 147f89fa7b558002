"""Add messages and fields of other .proto files to Caffe's schema: those of forks, and a user's own.

A file gives messages and fields as a fork's caffe.proto does; what Caffe's schema has already is skipped. So a file may
be a fork's whole caffe.proto.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.system import untrusted_files

MOVED = 10_000  # added to a number that another field has
_TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|\s+|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[\w.+-]+|.)""", re.S)
_LABELS = {"optional": 1, "required": 2, "repeated": 3}
_SKIPPED = ("syntax", "package", "import", "option", "reserved", "extensions")


def extend(schema: FileDescriptorProto, path: str | Path) -> None:
    """Merge the messages, enums and fields of a .proto file into a schema of the same package.

    Names that the schema has keep their meaning. A number that another field has moves to MOVED + the number.

    Raises   CaffeError naming the file and line of what is no proto2 schema, or of a type that neither file has
    """
    try:
        text = untrusted_files.read_bytes(path).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CaffeError(f"Could not read the schema {path}: {error}") from error
    extra = FileDescriptorProto()
    _Parser(text, str(path)).read_file(extra)
    _merge(schema.message_type, extra.message_type)
    _merge_enums(schema.enum_type, extra.enum_type)
    kinds = dict(_list_types(schema, f".{schema.package}"))
    for message in schema.message_type:
        _resolve(message, f".{schema.package}.{message.name}", kinds, str(path))


class _Parser:
    """Reads proto2 into descriptors; type names stay as they are written."""

    def __init__(self, text: str, source: str) -> None:
        self._source = source
        self._tokens: list[tuple[str, int]] = []
        line = 1
        for match in _TOKEN.finditer(text):
            if match[1]:
                self._tokens.append((match[1], line))
            line += match[0].count("\n")
        self._tokens.append(("", line))
        self._at = 0

    def read_file(self, file: FileDescriptorProto) -> None:
        while self._peek():
            self._read_part(file.message_type, file.enum_type, None)

    def _read_message(self, message: DescriptorProto) -> None:
        message.name = self._next()
        self._expect("{")
        while self._peek() != "}":
            self._read_part(message.nested_type, message.enum_type, message.field)
        self._next()

    def _read_part(self, messages: Any, enums: Any, fields: Any) -> None:
        word = self._peek()
        if word == ";":
            self._next()
        elif word == "message":
            self._next()
            self._read_message(messages.add())
        elif word == "enum":
            self._next()
            self._read_enum(enums.add())
        elif word in _SKIPPED:
            while self._next() != ";":
                pass
        elif word in _LABELS and fields is not None:
            self._read_field(fields.add())
        else:
            raise self._error("a message, an enum or a field of proto2")

    def _read_enum(self, enum: EnumDescriptorProto) -> None:
        enum.name = self._next()
        self._expect("{")
        while self._peek() != "}":
            if self._peek() == ";":
                self._next()
                continue
            name = self._next()
            self._expect("=")
            enum.value.add(name=name, number=self._integer())
            self._read_options()
        self._next()

    def _read_field(self, field: FieldDescriptorProto) -> None:
        field.label = _LABELS[self._next()]
        kind = self._next()
        name = f"TYPE_{kind.upper()}"
        if name in FieldDescriptorProto.Type.keys() and kind == kind.lower():
            field.type = FieldDescriptorProto.Type.Value(name)
        else:
            field.type_name = kind
        field.name = self._next()
        self._expect("=")
        field.number = self._integer()
        options = self._read_options()
        if "default" in options:
            value = options["default"]
            field.default_value = value[1:-1] if value[0] in "\"'" else value
        if options.get("packed") == "true":
            field.options.packed = True

    def _read_options(self) -> dict[str, str]:
        options = {}
        if self._peek() == "[":
            while self._next() != "]":
                name = self._next()
                self._expect("=")
                options[name] = self._next()
        self._expect(";")
        return options

    def _integer(self) -> int:
        try:
            return int(self._peek(), 0)
        except ValueError:
            raise self._error("a number") from None
        finally:
            self._at += 1

    def _expect(self, word: str) -> None:
        if self._peek() != word:
            raise self._error(repr(word))
        self._at += 1

    def _peek(self) -> str:
        return self._tokens[self._at][0]

    def _next(self) -> str:
        word = self._peek()
        if not word:
            raise self._error("more text")
        self._at += 1
        return word

    def _error(self, expected: str) -> CaffeError:
        word, line = self._tokens[min(self._at, len(self._tokens) - 1)]
        return CaffeError(f"{self._source}:{line}: got {word or 'the end of the file'!r}, expected {expected}")


def _merge(messages: Any, extra: Any) -> None:
    for old, message in _add_unknown(messages, extra):
        _merge(old.nested_type, message.nested_type)
        _merge_enums(old.enum_type, message.enum_type)
        names, numbers = {field.name for field in old.field}, {field.number for field in old.field}
        for field in message.field:
            if field.name not in names:
                old.field.add().CopyFrom(field)
                old.field[-1].number = _free(field.number, numbers)


def _merge_enums(enums: Any, extra: Any) -> None:
    for old, enum in _add_unknown(enums, extra):
        names, numbers = {value.name for value in old.value}, {value.number for value in old.value}
        for value in enum.value:
            if value.name not in names:
                old.value.add(name=value.name, number=_free(value.number, numbers))


def _add_unknown(entries: Any, extra: Any) -> Iterator[tuple[Any, Any]]:
    """Add the entries whose names are new; yield the others beside those of the same name."""
    known = {entry.name: entry for entry in entries}
    for entry in extra:
        if entry.name in known:
            yield known[entry.name], entry
        else:
            entries.add().CopyFrom(entry)


def _free(number: int, taken: set[int]) -> int:
    """Return the number, or the first free one from MOVED + number; mark it as taken."""
    if number in taken:
        number += MOVED
    while number in taken:
        number += 1
    taken.add(number)
    return number


def _list_types(parent: Any, scope: str) -> Iterator[tuple[str, int]]:
    """Yield the full names of all messages and enums, with their field type."""
    for enum in parent.enum_type:
        yield f"{scope}.{enum.name}", FieldDescriptorProto.TYPE_ENUM
    for message in parent.message_type if isinstance(parent, FileDescriptorProto) else parent.nested_type:
        yield f"{scope}.{message.name}", FieldDescriptorProto.TYPE_MESSAGE
        yield from _list_types(message, f"{scope}.{message.name}")


def _resolve(message: DescriptorProto, scope: str, kinds: dict[str, int], source: str) -> None:
    """Complete the types of fields, by the innermost scope that has the name."""
    for nested in message.nested_type:
        _resolve(nested, f"{scope}.{nested.name}", kinds, source)
    for field in message.field:
        if not field.type_name or field.type_name.startswith("."):
            continue
        scopes = [scope[: end.start()] for end in re.finditer(r"\.|$", scope)]
        names = [f"{outer}.{field.type_name}" for outer in reversed(scopes)]
        found = next((name for name in names if name in kinds), None)
        if found is None:
            raise CaffeError(
                f"{source}: {message.name}.{field.name} has the type {field.type_name}; expected a message or enum of "
                "this file or of Caffe's schema"
            )
        field.type_name, field.type = found, kinds[found]
