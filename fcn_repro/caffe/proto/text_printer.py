"""Write messages as C++ protobuf's TextFormat does: Caffe's log and upgraded prototxts.

Python's text_format writes other numbers: 2.0 for 2, 100000000.0 for 1e+08, and fewer digits for a float.

Source   protobuf 3 text_format.cc (Printer), strutil.cc (SimpleFtoa, SimpleDtoa)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from google.protobuf import text_encoding
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

FLOAT_DIGITS, DOUBLE_DIGITS = (6, 9), (15, 17)  # decimal digits: as many as always fit, and as many as always suffice


def print_text(message: Message) -> str:
    """Return a message as text, ending with a line break unless it is empty."""
    return "".join(f"{line}\n" for line in _lines(message))


def _lines(message: Message) -> Iterator[str]:
    for field, value in message.ListFields():
        for each in value if _is_repeated(field) else (value,):
            if field.message_type is None:
                yield f"{field.name}: {_print_value(field, each)}"
            else:
                yield f"{field.name} {{"
                yield from (f"  {line}" for line in _lines(each))
                yield "}"


def _is_repeated(field: FieldDescriptor) -> bool:
    """Whether a field is repeated; protobuf 6 renames the property."""
    return field.is_repeated if hasattr(field, "is_repeated") else field.label == FieldDescriptor.LABEL_REPEATED


def _print_value(field: FieldDescriptor, value) -> str:
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known else str(value)
    if field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
        return f'"{text_encoding.CEscape(value, False)}"'
    if field.type == FieldDescriptor.TYPE_BOOL:
        return "true" if value else "false"
    if field.type in (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE):
        return _print_float(value, field.type == FieldDescriptor.TYPE_FLOAT)
    return str(value)


def _print_float(value: float, is_single: bool) -> str:
    digits, enough = FLOAT_DIGITS if is_single else DOUBLE_DIGITS
    text = f"{value:.{digits}g}"
    kind = "f" if is_single else "d"
    try:
        same = struct.pack(kind, float(text)) == struct.pack(kind, value)
    except OverflowError:  # the digits round up to more than a float holds
        same = False
    return text if same or value != value else f"{value:.{enough}g}"
