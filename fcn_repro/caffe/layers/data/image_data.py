"""ImageData."""

from __future__ import annotations

from pathlib import Path

from fcn_repro.system import untrusted_files
from fcn_repro.caffe.random import rng
from fcn_repro.caffe.data_transformer import decode, resize
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.random.host_generator import HostGenerator
from fcn_repro.caffe.layers.base import exactly
from fcn_repro.caffe.layers.data.item_source import Item, ItemSource

LARGEST_SIDE = 2**15 - 1  # OpenCV's SHRT_MAX


class ImageData(ItemSource):
    """Image files with labels, named line by line in a text file.

    Tops
        data    (N, C, H, W) float32, channels B G R, after transform_param
        label   (N)
    Reads    image_data_param: source (lines `path label`, cut at the last blank), batch_size, shuffle, rand_skip,
             new_height and new_width, is_color, root_folder; transform_param
    Order    the file's; with shuffle another at the start and at every turn around
    Differs  pixels come from pillow and not from OpenCV: a JPEG or a resized image may differ by a level or two
    Source   caffe 9b89154 image_data_layer.cpp
    """

    tops = exactly(2)

    def open_source(self) -> None:
        """Read the list, shuffle it, skip."""
        self._image_param = param = self.param.image_data_param
        self.batch_size = param.batch_size
        if bool(param.new_height) != bool(param.new_width):
            raise self.error("gives one of new_height and new_width; it needs both or neither")
        if max(param.new_height, param.new_width) > LARGEST_SIDE:
            raise self.error(
                f"resizes to {param.new_height} x {param.new_width}; expected at most {LARGEST_SIDE} pixels a side"
            )
        try:
            lines = untrusted_files.read_text(param.source).splitlines()
        except OSError as error:
            raise CaffeError(f"Could not open file {param.source}") from error
        self._lines = [(path, int(label)) for path, _, label in (line.rpartition(" ") for line in lines)]
        if not self._lines:
            raise self.error(f"has the source {param.source!r}, which names no image")
        if param.shuffle:
            self._generator = HostGenerator(rng.host().draw())
            self._generator.shuffle(self._lines)
        self._next = 0
        if param.rand_skip:
            self._next = rng.host().draw() % param.rand_skip
            if self._next >= len(self._lines):
                raise self.error(f"was to skip {self._next} of {len(self._lines)} images; lower rand_skip")

    def item(self) -> Item:
        """Read the image of this line."""
        path, label = self._lines[self._next]
        param = self._image_param
        try:
            image = decode(Path(param.root_folder + path), param.is_color)
        except OSError as error:
            raise CaffeError(f"Could not load {param.root_folder}{path}: {error}") from error
        return (resize(image, param.new_height, param.new_width) if param.new_height else image), label

    def advance(self) -> None:
        """Go to the next line."""
        self._next += 1
        if self._next == len(self._lines):
            self._next = 0
            if self._image_param.shuffle:
                self._generator.shuffle(self._lines)
