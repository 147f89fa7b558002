"""Text files in any encoding, as Caffe reads them: bytes in comments, in names, and in paths.

A message's string must be Unicode. So a byte that is not UTF-8 stands there as a private character, U+F780 to U+F7FF,
which `file_path` turns back.
"""

from __future__ import annotations

import os
import re

BOM = b"\xef\xbb\xbf"
_PRIVATE = 0xF700  # plus a byte from 0x80 to 0xFF
_ESCAPED = 0xDC00  # plus the same byte: Python's surrogateescape
_TO_PRIVATE = {_ESCAPED + byte: _PRIVATE + byte for byte in range(0x80, 0x100)}
_TO_ESCAPED = {private: escaped for escaped, private in _TO_PRIVATE.items()}
_FREE = re.compile(rb"#[^\n]*|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'")  # comments and strings: any bytes


def decode_text(data: bytes) -> str:
    """Decode a prototxt. A byte order mark is dropped; comments and strings may have any encoding.

    Raises   UnicodeDecodeError for a byte that is not UTF-8 elsewhere, as in a binary file
    """
    data = data[len(BOM) :] if data.startswith(BOM) else data
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        _FREE.sub(lambda match: b" " * len(match[0]), data).decode("utf-8")
        return decode_name(data)


def decode_name(data: bytes) -> str:
    """Decode a name or path of any encoding to a string that a message can hold."""
    return data.decode("utf-8", "surrogateescape").translate(_TO_PRIVATE)


def file_path(text: str) -> str:
    """Return the path that a message's string names, for the operating system."""
    return text.translate(_TO_ESCAPED)


def show_path(path: str) -> str:
    """Return a path for a message; bytes that are not UTF-8 show as U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")
