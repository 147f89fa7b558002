"""ImageData."""

from pathlib import Path

from fcn_repro.system import untrusted_files
from fcn_repro.caffe.random import rng
from fcn_repro.caffe.data_transformer import decode, resize
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.random.host_generator import HostGenerator
from fcn_repro.caffe.layers.base import exactly
from fcn_repro.caffe.layers.data.base_data import BatchDataLayer, Item

LARGEST_SIDE = 2**15 - 1  # OpenCV's SHRT_MAX


class ImageData(BatchDataLayer):
    """Labelled image files, listed in a text file.

    Tops
        data    (N, C, H, W) float32, channels B G R, after transform_param
        label   (N)
    Reads    image_data_param: source (lines `path label`, split at the last space), batch_size, shuffle, rand_skip,
             new_height and new_width, is_color, root_folder; transform_param
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
        try:
            lines = untrusted_files.read_text(param.source).splitlines()
        except OSError as error:
            raise CaffeError(f"Could not open file {param.source}") from error
        self._lines = [(path, int(label)) for path, _, label in (line.rpartition(" ") for line in lines)]
        if not self._lines:
            raise self.error(f"has the source {param.source!r}, which lists no images")
        if param.shuffle:
            self._generator = HostGenerator(rng.host().draw())
            self._generator.shuffle(self._lines)
        self._next = 0
        if param.rand_skip:
            self._next = rng.host().draw() % param.rand_skip
            if self._next >= len(self._lines):
                raise self.error(f"skips {self._next} of {len(self._lines)} images. Fix: lower rand_skip")

    def item(self) -> Item:
        path, label = self._lines[self._next]
        param = self._image_param
        try:
            image = decode(Path(param.root_folder + path), param.is_color)
        except OSError as error:
            raise CaffeError(f"Could not load {param.root_folder}{path}: {error}") from error
        return (resize(image, param.new_height, param.new_width) if param.new_height else image), label

    def advance(self) -> None:
        self._next += 1
        if self._next == len(self._lines):
            self._next = 0
            if self._image_param.shuffle:
                self._generator.shuffle(self._lines)
