"""ImageData."""

import logging
import os
import re
from pathlib import Path
from typing import NamedTuple

from fcn_repro.caffe.data_transformer import resize
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.image_file import decode
from fcn_repro.caffe.layers.base import exactly
from fcn_repro.caffe.layers.data.base_data import BatchDataLayer, Item
from fcn_repro.caffe.proto.text_encoding import file_path, show_path
from fcn_repro.caffe.random import rng
from fcn_repro.caffe.random.host_generator import HostGenerator
from fcn_repro.system import untrusted_files

LARGEST_SIDE = 2**15 - 1  # OpenCV's SHRT_MAX
LIST_BYTES = 256_000_000  # of the largest list that is read; ILSVRC's training list has 42 MB
_INTEGER = re.compile(rb"\s*([+-]?\d+)")

log = logging.getLogger("caffe")


class Line(NamedTuple):
    """An image of the list: its path as it stands there, its label, and the line's number."""

    path: str
    label: int
    number: int


class ImageData(BatchDataLayer):
    """Labelled image files, listed in a text file.

    Tops
        data    (N, C, H, W) float32, channels B G R, after transform_param
        label   (N)
    Reads    image_data_param: source (lines `path label`, split at the last space, in any encoding), batch_size,
             shuffle, rand_skip, new_height and new_width, is_color, root_folder; transform_param
    Order    that of the list; with shuffle, a new random order at the start and after each pass
    Differs  images are decoded by pillow, not OpenCV: pixels of a JPEG or resized image may differ by 1 or 2
    Source   caffe 9b89154 image_data_layer.cpp
    """

    tops = exactly(2)

    def open_source(self) -> None:
        self._image_param = param = self.param.image_data_param
        self.batch_size = param.batch_size
        if bool(param.new_height) != bool(param.new_width):
            raise self.error("got one of new_height and new_width; expected both or neither")
        if max(param.new_height, param.new_width) > LARGEST_SIDE:
            raise self.error(
                f"resizes to {param.new_height} x {param.new_width}; expected at most {LARGEST_SIDE} pixels per side"
            )
        self._source = file_path(param.source)
        try:
            data = untrusted_files.read_bytes(self._source, LIST_BYTES)
        except OSError as error:
            raise CaffeError(f"Could not open file {param.source}: {error.strerror or error}") from error
        log.info("Opening file %s", show_path(self._source))
        lines = data.split(b"\n")
        self._lines = [self._parse(line, number) for number, line in enumerate(lines, 1) if line or number < len(lines)]
        if not self._lines:
            raise self.error(f"has the source {param.source!r}, which lists no images")
        if param.shuffle:
            log.info("Shuffling data")
            self._generator = HostGenerator(rng.host().draw())
            self._generator.shuffle(self._lines)
        log.info("A total of %d images.", len(self._lines))
        self._next = 0
        if param.rand_skip:
            self._next = rng.host().draw() % param.rand_skip
            log.info("Skipping first %d data points.", self._next)
            if self._next >= len(self._lines):
                raise self.error(f"skips {self._next} of {len(self._lines)} images. Fix: lower rand_skip")

    def item(self) -> Item:
        line, param = self._lines[self._next], self._image_param
        path = file_path(param.root_folder) + line.path
        try:
            image = decode(Path(path), param.is_color)
        except (OSError, ValueError) as error:  # ValueError: a NUL byte
            raise CaffeError(
                f"{show_path(self._source)}:{line.number}: Could not load {show_path(path)}: {error}. "
                "Expected the path of an image, a blank, and one label"
            ) from error
        return (resize(image, param.new_height, param.new_width) if param.new_height else image), line.label

    def advance(self) -> None:
        self._next += 1
        if self._next == len(self._lines):
            self._next = 0
            if self._image_param.shuffle:
                self._generator.shuffle(self._lines)

    def _parse(self, line: bytes, number: int) -> Line:
        """Split a line at its last blank. As in Caffe, a label that is not an integer counts as 0."""
        path, blank, text = line.rpartition(b" ")
        found = _INTEGER.match(text)
        if found is None:
            log.warning("%s:%d: got the label %r, expected an integer; it counts as 0", self._source, number, text)
        return Line(os.fsdecode(path if blank else line), int(found[1]) if found else 0, number)
