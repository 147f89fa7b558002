"""ImageData."""

import logging
from pathlib import Path

from fcn_repro.caffe.data_transformer import resize
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.image_file import decode
from fcn_repro.caffe.image_list import read_image_list
from fcn_repro.caffe.layers.base import exactly
from fcn_repro.caffe.layers.data.base_data import BatchDataLayer, Item
from fcn_repro.caffe.proto.text_encoding import file_path, show_path
from fcn_repro.caffe.random import rng
from fcn_repro.caffe.random.host_generator import HostGenerator

LARGEST_SIDE = 2**15 - 1  # OpenCV's SHRT_MAX

log = logging.getLogger("caffe")


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
        log.info("Opening file %s", show_path(self._source))
        self._lines = read_image_list(self._source)
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
