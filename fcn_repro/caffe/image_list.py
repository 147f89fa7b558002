"""Lists of labelled images, as ImageData and convert_imageset read them.

Source   caffe 9b89154 image_data_layer.cpp, tools/convert_imageset.cpp
"""

from __future__ import annotations

import logging
import os
import re
from typing import NamedTuple

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto.text_encoding import show_path
from fcn_repro.system import untrusted_files

LIST_BYTES = 256_000_000  # of the largest list that is read; ILSVRC's training list has 42 MB
_INTEGER = re.compile(rb"\s*([+-]?\d+)")

log = logging.getLogger("caffe")


class Line(NamedTuple):
    """An image of a list: its path as it stands there, its label, and the line's number."""

    path: str
    label: int
    number: int


def read_image_list(path: str) -> list[Line]:
    """Read lines `path label`, split at the last space, in any encoding.

    Raises   CaffeError("Could not open file ...")
    """
    try:
        data = untrusted_files.read_bytes(path, LIST_BYTES)
    except OSError as error:
        raise CaffeError(f"Could not open file {show_path(path)}: {error.strerror or error}") from error
    lines = data.split(b"\n")
    return [_parse(line, number, path) for number, line in enumerate(lines, 1) if line or number < len(lines)]


def _parse(line: bytes, number: int, source: str) -> Line:
    """Split a line at its last blank. As in Caffe, a label that is not an integer counts as 0."""
    path, blank, text = line.rpartition(b" ")
    found = _INTEGER.match(text)
    if found is None:
        log.warning("%s:%d: got the label %r, expected an integer; it counts as 0", show_path(source), number, text)
    return Line(os.fsdecode(path if blank else line), int(found[1]) if found else 0, number)
