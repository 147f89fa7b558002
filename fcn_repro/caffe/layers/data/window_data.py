"""WindowData."""

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.data_transformer import DataTransformer, resize
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.image_file import decode
from fcn_repro.caffe.image_list import LIST_BYTES
from fcn_repro.caffe.layers.base import exactly
from fcn_repro.caffe.layers.data.base_data import BaseDataLayer
from fcn_repro.caffe.proto.stored_blob import read_blob_file
from fcn_repro.caffe.proto.text_encoding import file_path, show_path
from fcn_repro.caffe.random import rng
from fcn_repro.caffe.random.host_generator import HostGenerator
from fcn_repro.system import untrusted_files

CHANNELS = 3  # images are read in colour


class Window(NamedTuple):
    """A window of an image: corners in pixels, both included, and the line that names it."""

    image: int
    label: int
    x1: int
    y1: int
    x2: int
    y2: int
    line: int


class Placement(NamedTuple):
    """Where a window lands in its crop: the part inside the image, its size in the crop, and its first pixel there."""

    x1: int
    y1: int
    x2: int
    y2: int
    width: int
    height: int
    left: int
    top: int


class WindowData(BaseDataLayer):
    """Random windows of images, warped to squares: R-CNN's training data.

    Tops
        data    (N, 3, crop_size, crop_size) float32, channels B G R; 0 outside the image
        label   (N), 0 for background
    Reads    window_data_param: source, batch_size, fg_threshold, bg_threshold, fg_fraction, context_pad, crop_mode,
             cache_images, root_folder, scale; transform_param: crop_size, mirror, mean_file, mean_value
             The source lists images: `# INDEX PATH CHANNELS HEIGHT WIDTH COUNT`, then COUNT windows
             `CLASS OVERLAP X1 Y1 X2 Y2`, with any whitespace between
    Order    a batch has its background windows first; both kinds are drawn with replacement
    Differs  a missing image is an error, where Caffe logs it and leaves the rest of the batch 0; images are resized as
             in ImageData
    Source   caffe 9b89154 window_data_layer.cpp
    """

    tops = exactly(2)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the source. Seeds are drawn in Caffe's order."""
        self._window_param, self._transform_param = self.param.window_data_param, self.param.transform_param
        transformer = DataTransformer(self._transform_param, self.phase, self.param.name)
        self._crop = self._transform_param.crop_size
        if self._crop < 1:
            raise self.error("got no transform_param.crop_size; expected at least 1")
        self._generator = HostGenerator(rng.host().draw())
        self._check_param()
        self._source = file_path(self._window_param.source)
        self._paths: list[str] = []
        self._windows: tuple[list[Window], list[Window]] = ([], [])  # of the background, of the foreground
        self._read_source()
        self._cached: dict[str, bytes] = {}
        self._mean = self._read_mean()
        transformer.seed()
        rng.host().draw()  # the seed of Caffe's prefetching thread
        batch = self._window_param.batch_size
        self.shape_tops(top, [(batch, CHANNELS, self._crop, self._crop), (batch,)])

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        batch = self._window_param.batch_size
        foreground = int(np.float32(batch) * np.float32(self._window_param.fg_fraction))
        data = np.zeros((batch, CHANNELS, self._crop, self._crop), np.float32)
        labels = np.zeros(batch, np.float32)
        for item in range(batch):
            windows = self._windows[item >= batch - foreground]
            window = windows[self._generator.draw() % len(windows)]
            mirror = bool(self._transform_param.mirror and self._generator.draw() % 2)
            self._crop_window(window, mirror, data[item])
            labels[item] = window.label
        top[0].store(torch.from_numpy(data))
        top[1].store(torch.from_numpy(labels))

    # -- a window --------------------------------------------------------------------------------------------------

    def _crop_window(self, window: Window, mirror: bool, out: np.ndarray) -> None:
        """Write a window to a crop of zeros, (3, crop, crop)."""
        image = self._read_image(window)
        height, width = image.shape[1:]
        place = self._place(window, mirror, height, width)
        if not (0 <= place.x1 <= place.x2 < width and 0 <= place.y1 <= place.y2 < height):
            raise CaffeError(f"{self._at(window.line)}: got a window outside its image of {height} x {width} pixels")
        part = resize(image[:, place.y1 : place.y2 + 1, place.x1 : place.x2 + 1], place.height, place.width)
        rows, columns = (slice(s, s + n) for s, n in ((place.top, place.height), (place.left, place.width)))
        pixels = (part[..., ::-1] if mirror else part).astype(np.float32)
        out[:, rows, columns] = (pixels - self._mean[:, rows, columns]) * np.float32(self._window_param.scale)

    def _place(self, window: Window, mirror: bool, height: int, width: int) -> Placement:
        """Extend a window by its context, and divide it into the parts inside and outside the image."""
        x1, y1, x2, y2 = window.x1, window.y1, window.x2, window.y2
        crop, context, is_square = self._crop, self._window_param.context_pad, self._window_param.crop_mode == "square"
        if not (context or is_square):
            return Placement(x1, y1, x2, y2, crop, crop, 0, 0)
        half_width, half_height = np.float32((x2 - x1 + 1) / 2), np.float32((y2 - y1 + 1) / 2)
        centre_x, centre_y = np.float32(x1) + half_width, np.float32(y1) + half_height
        if is_square:
            half_width = half_height = max(half_width, half_height)
        scale = np.float32(crop) / np.float32(crop - 2 * context)
        x1, x2 = _round(centre_x - half_width * scale), _round(centre_x + half_width * scale)
        y1, y2 = _round(centre_y - half_height * scale), _round(centre_y + half_height * scale)
        x1, x2, left, right, part_width = _clip(x1, x2, width, crop)
        y1, y2, above, _, part_height = _clip(y1, y2, height, crop)
        left = right if mirror else left
        return Placement(x1, y1, x2, y2, min(part_width, crop - left), min(part_height, crop - above), left, above)

    def _read_image(self, window: Window) -> np.ndarray:
        path = self._paths[window.image]
        try:
            if not self._window_param.cache_images:
                return decode(Path(path), True)
            if path not in self._cached:
                self._cached[path] = Path(path).read_bytes()
            return decode(self._cached[path], True)
        except (OSError, ValueError) as error:  # ValueError: a NUL byte
            raise CaffeError(f"{self._at(window.line)}: Could not load {show_path(path)}: {error}") from error

    # -- set-up ----------------------------------------------------------------------------------------------------

    def _check_param(self) -> None:
        if self._window_param.batch_size < 1:
            raise self.error(f"got window_data_param.batch_size {self._window_param.batch_size}; expected at least 1")
        if 2 * self._window_param.context_pad >= self._crop:
            raise self.error(f"got context_pad {self._window_param.context_pad}; expected less than half of crop_size")

    def _read_mean(self) -> np.ndarray:
        """Return what to subtract from a crop: (3, crop, crop), the centre of a mean image or one value per channel."""
        param, shape = self._transform_param, (CHANNELS, self._crop, self._crop)
        if not param.HasField("mean_file"):
            values = list(param.mean_value) or [0.0]
            if len(values) not in (1, CHANNELS):
                raise self.error(f"got {len(values)} mean_value entries, expected 1 or {CHANNELS}")
            return np.broadcast_to(np.array(values, np.float32).reshape(-1, 1, 1), shape)
        mean = read_blob_file(param.mean_file)
        if math.prod(mean.shape[:-3]) != 1 or mean.shape[-3] != CHANNELS or min(mean.shape[-2:]) < self._crop:
            raise self.error(f"got a mean image of shape {list(mean.shape)}; expected at least {list(shape)}")
        image = mean.data.reshape(mean.shape[-3:])
        start = (image.shape[2] - self._crop) // 2  # of rows, too
        if start + self._crop > image.shape[1]:
            raise self.error(f"got a mean image of shape {list(mean.shape)}; expected a square one")
        return image[:, start : start + self._crop, start : start + self._crop]

    def _read_source(self) -> None:
        try:
            data = untrusted_files.read_bytes(self._source, LIST_BYTES)
        except OSError as error:
            raise CaffeError(f"Could not open file {self._window_param.source}: {error.strerror or error}") from error
        words = ((word, line) for line, text in enumerate(data.split(b"\n"), 1) for word in text.split())
        for word, line in words:
            if word != b"#":
                raise CaffeError(f"{self._at(line)}: got {word!r}, expected # before each image")
            self._read_entry(words, line)
        if not self._paths:
            raise CaffeError(f"{show_path(self._source)}: the window file is empty; expected # INDEX PATH ...")
        for name, windows in zip(("background", "foreground"), self._windows, strict=True):
            if not windows:
                raise self.error(f"finds no {name} windows in {show_path(self._source)}; expected at least one")
        for window in (*self._windows[0], *self._windows[1]):
            if not 0 <= window.image < len(self._paths):
                raise CaffeError(f"{self._at(window.line)}: got image {window.image} of {len(self._paths)}")

    def _read_entry(self, words: Iterator[tuple[bytes, int]], line: int) -> None:
        """Read an image after its #, and its windows."""
        try:
            index = int(next(words)[0])
            path = os.fsdecode(next(words)[0])
            channels, _, _, count = (int(next(words)[0]) for _ in range(4))
            if channels != CHANNELS:
                raise ValueError(f"{channels} channels")
            self._paths.append(file_path(self._window_param.root_folder) + path)
            for _ in range(count):
                word, line = next(words)
                label, overlap = int(word), np.float32(next(words)[0])
                corners = [int(next(words)[0]) for _ in range(4)]
                self._add(index, label, overlap, corners, line)
        except (ValueError, StopIteration, RuntimeError) as error:
            if isinstance(error, CaffeError):
                raise
            expected = "# INDEX PATH 3 HEIGHT WIDTH COUNT, and COUNT times CLASS OVERLAP X1 Y1 X2 Y2"
            raise CaffeError(f"{self._at(line)}: got {str(error) or 'the end'}, expected {expected}") from error

    def _add(self, image: int, label: int, overlap: np.float32, corners: list[int], line: int) -> None:
        """File a window by its overlap: foreground, background, or neither."""
        x1, y1, x2, y2 = corners
        if overlap >= np.float32(self._window_param.fg_threshold):
            if label < 1:
                raise CaffeError(f"{self._at(line)}: got class {label} of a foreground window, expected at least 1")
            self._windows[1].append(Window(image, label, x1, y1, x2, y2, line))
        elif overlap < np.float32(self._window_param.bg_threshold):
            self._windows[0].append(Window(image, 0, x1, y1, x2, y2, line))

    def _at(self, line: int) -> str:
        return f"layer {self.param.name!r}, {show_path(self._source)}:{line}"


def _round(x: np.float32) -> int:
    """Round halves away from zero, as C does."""
    return int(math.copysign(math.floor(abs(float(x)) + 0.5), x))


def _clip(first: int, last: int, size: int, crop: int) -> tuple[int, int, int, int, int]:
    """Clip an interval to an image's axis.

    Returns the clipped interval, and in pixels of the crop: the parts before and after the image, and inside it.
    """
    scale = np.float32(crop) / np.float32(last - first + 1)
    before, after = max(0, -first), max(0, last - size + 1)
    inside = last - after - (first + before) + 1
    lengths = [_round(np.float32(length) * scale) for length in (before, after, inside)]
    return first + before, last - after, lengths[0], lengths[1], lengths[2]
