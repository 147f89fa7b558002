"""Base class of the forks' data layers: images with label maps, listed in a text file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.data_transformer import DataTransformer, resize
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.image_file import decode
from fcn_repro.caffe.layers.data.base_data import BaseDataLayer
from fcn_repro.caffe.random import rng
from fcn_repro.caffe.random.host_generator import HostGenerator
from fcn_repro.system import untrusted_files

Pair = tuple[np.ndarray, np.ndarray]  # an image (C, H, W) and its label map (H, W)
Size = tuple[int, int]  # height, width


class LabelMapDataLayer(BaseDataLayer):
    """Batches of images with label maps from a list of lines `image label_map`, read in order and repeated.

    Label maps are grey images whose values are the labels.

    Differs  in the forks' threads, when random numbers are drawn depends on timing or version; here one generator per
             layer draws for each image, in the order that the subclass names. OpenCV reads a label map with a palette
             as the grey of its colours; here it is refused
    """

    def source(self) -> Any:
        """The message with source, batch_size, shuffle, rand_skip, new_height, new_width, is_color and root_folder."""
        return self.param.image_data_param

    def read_label(self, text: str, size: Size) -> np.ndarray:
        """Read the label map (H, W) that a line names, for an image of `size`."""
        return self.read_label_map(text)

    def top_size(self, height: int, width: int) -> Size:
        """The size of tops that images of this size give."""
        return self._transformer.size(height, width)

    def transform(self, image: np.ndarray, label: np.ndarray) -> Pair:
        """Crop and mirror both, subtract the mean and scale the image; returns float32."""
        mirror, window = self._transformer.draw(*label.shape)
        crop = label[window[1:]].astype(np.float32)
        return self._transformer.apply(image, mirror, window), crop[:, ::-1] if mirror else crop

    # -- pycaffe's life cycle ------------------------------------------------------------------------------------

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the list and shape the tops by its first pair."""
        self._source = self.source()
        self._transformer = DataTransformer(self.param.transform_param, self.phase, self.param.name)
        if self._source.batch_size < 1:
            raise self.error(f"got batch_size {self._source.batch_size}; expected at least 1")
        if bool(self._source.new_height) != bool(self._source.new_width):
            raise self.error("got one of new_height and new_width; expected both or neither")
        self._lines = self._read_list()
        self.generator = HostGenerator(rng.host().draw())
        if self._source.shuffle:
            self.generator.shuffle(self._lines)
        self._next = self.generator.draw() % self._source.rand_skip if self._source.rand_skip else 0
        if self._next >= len(self._lines):
            raise self.error(f"skips {self._next} of {len(self._lines)} images. Fix: lower rand_skip")
        image, _ = self._read(*self._lines[self._next])
        size = self.top_size(*image.shape[1:])
        self.shape_tops(top, self.shapes((len(image), *size), self.label_size(*size))[: len(top)])

    def label_size(self, height: int, width: int) -> Size:
        """The size of label maps beside images of this size."""
        return height, width

    def shapes(self, image: tuple[int, ...], label: Size) -> list[tuple[int, ...]]:
        """The shapes of all tops."""
        batch = self._source.batch_size
        return [(batch, *image), (batch, 1, *label)]

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Output the next batch. All its images must have one size."""
        pairs = []
        for _ in range(self._source.batch_size):
            pairs.append(self.transform(*self._read(*self._lines[self._next])))
            self._advance()
        sizes = {image.shape for image, _ in pairs}
        if len(sizes) > 1:
            raise self.error(f"got images of sizes {sorted(sizes)} in one batch. Fix: batch_size 1 or a crop")
        images, labels = (np.stack(arrays) for arrays in zip(*pairs, strict=True))
        for blob, array in zip(top, (images, labels[:, None]), strict=False):
            blob.reshape(*array.shape)
            blob.store(torch.from_numpy(array))

    # -- files -----------------------------------------------------------------------------------------------------

    def read_image(self, text: str) -> np.ndarray:
        """Read an image (C, H, W), uint8, and resize it to new_height and new_width, if they are given."""
        image = self._decode(text, self._source.is_color)
        size = self._source.new_height, self._source.new_width
        return resize(image, *size) if size[0] else image

    def read_label_map(self, text: str) -> np.ndarray:
        """Read a grey image (H, W), uint8."""
        path = Path(self._source.root_folder + text)
        try:
            with untrusted_files.open_image(path) as image:
                mode = image.mode
        except untrusted_files.IMAGE_ERRORS as error:
            raise CaffeError(f"Could not load {path}: {error}") from error
        if mode == "P":
            raise self.error(f"got a label map with a palette, {path}; expected a grey image whose values are labels")
        return self._decode(text, False)[0]

    def _decode(self, text: str, color: bool) -> np.ndarray:
        path = Path(self._source.root_folder + text)
        try:
            return decode(path, color)
        except OSError as error:
            raise CaffeError(f"Could not load {path}: {error}") from error

    def _read(self, image_path: str, label_text: str) -> Pair:
        image = self.read_image(image_path)
        size = image.shape[1], image.shape[2]
        label = self.read_label(label_text, size)
        if label.shape != self.label_size(*size):
            raise self.error(
                f"got {image_path} of size {list(size)} and {label_text} of size {list(label.shape)}; expected "
                f"{list(self.label_size(*size))} for the label map"
            )
        return image, label

    def _read_list(self) -> list[tuple[str, str]]:
        try:
            text = untrusted_files.read_text(self._source.source)
        except OSError as error:
            raise CaffeError(f"Could not open file {self._source.source}") from error
        lines = []
        for number, line in enumerate(text.splitlines(), 1):
            words = line.split()
            if len(words) == 1 and not self.needs_label:
                words.append("")
            if words and len(words) != 2:
                raise self.error(f"{self._source.source}:{number}: got {len(words)} words, expected 2: image, label")
            lines += [(words[0], words[1])] if words else []
        if not lines:
            raise self.error(f"has the source {self._source.source!r}, which lists no images")
        return lines

    needs_label = True  # False: lines may have an image only

    def _advance(self) -> None:
        self._next += 1
        if self._next == len(self._lines):
            self._next = 0
            if self._source.shuffle:
                self.generator.shuffle(self._lines)
