"""Preprocessing of images in data layers: mean, crop, mirror, scale.

Source   caffe 9b89154 data_transformer.cpp, data_layer.cpp
"""

from __future__ import annotations

import math

import numpy as np

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.proto.stored_blob import read_blob_file
from fcn_repro.caffe.random import rng
from fcn_repro.caffe.random.host_generator import HostGenerator

Window = tuple[slice, ...]  # of an image's axes


class DataTransformer:
    """(pixel - mean) * scale of a crop, mirrored at random, by transform_param.

    Each item draws, in this order: whether to mirror (if `mirror` is set, in TEST too), then in TRAIN the crop's top
    and left. In TEST the crop is central. A mean image is cropped with the image.
    """

    def __init__(self, param, phase: int, layer_name: str) -> None:
        self._param = param
        self._is_train = phase == caffe_pb2.TRAIN
        self._where = f"layer {layer_name!r}"
        if param.HasField("mean_file") and param.mean_value:
            raise CaffeError(f"{self._where}: transform_param has mean_file and mean_value; expected one of them")
        self._mean = _read_mean(param.mean_file) if param.HasField("mean_file") else None
        self.seed()

    def seed(self) -> None:
        """Seed a new generator from this thread's, if this transformer draws anything."""
        if self._param.mirror or (self._is_train and self._param.crop_size):
            self._generator = HostGenerator(rng.host().draw())

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width after cropping.

        Raises   CaffeError for a crop larger than the image
        """
        crop = self._param.crop_size
        if crop > min(height, width):
            raise CaffeError(f"{self._where} crops {crop} pixels from an image of {height} x {width}")
        return (crop, crop) if crop else (height, width)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Transform one image (C, H, W) of any numeric type; returns float32."""
        return self.apply(image, *self.draw(*image.shape[1:]))

    def draw(self, height: int, width: int) -> tuple[bool, Window]:
        """Draw whether to mirror an image of this size, and the window of its crop."""
        mirror = bool(self._param.mirror and self._generator.draw() % 2)
        sizes = self.size(height, width)
        top, left = (self._offset(n, size) for n, size in zip((height, width), sizes, strict=True))
        return mirror, (slice(None), slice(top, top + sizes[0]), slice(left, left + sizes[1]))

    def apply(self, image: np.ndarray, mirror: bool, window: Window) -> np.ndarray:
        """Transform one image (C, H, W) by what `draw` returned; returns float32."""
        crop = (image[window].astype(np.float32) - self._mean_in(image.shape, window)) * np.float32(self._param.scale)
        return crop[..., ::-1] if mirror else crop

    def _offset(self, length: int, size: int) -> int:
        if size == length and not self._param.crop_size:
            return 0
        return self._generator.draw() % (length - size + 1) if self._is_train else (length - size) // 2

    def _mean_in(self, shape: tuple[int, ...], window: Window) -> np.ndarray:
        if self._mean is not None:
            if self._mean.shape != shape:
                raise CaffeError(
                    f"{self._where}: {self._param.mean_file} has shape {list(self._mean.shape)}; "
                    f"expected the image's, {list(shape)}"
                )
            return self._mean[window]
        values = list(self._param.mean_value) or [0.0]
        if len(values) not in (1, shape[0]):
            raise CaffeError(f"{self._where}: got {len(values)} mean_value entries, expected 1 or {shape[0]}")
        return np.array(values, np.float32).reshape(-1, 1, 1)


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize a uint8 image (C, H, W): bilinear between pixel centres, without smoothing, as OpenCV."""
    rows, columns = _blend(image.shape[1], height), _blend(image.shape[2], width)
    blended = rows @ image.astype(np.float64) @ columns.T
    return np.floor(blended + 0.5).astype(np.uint8)


def _blend(length: int, size: int) -> np.ndarray:
    """Return the matrix (size, length) whose rows mix the two pixels around each new pixel's centre."""
    centre = np.clip((np.arange(size) + 0.5) * (length / size) - 0.5, 0, length - 1)
    before = np.minimum(centre.astype(int), max(length - 2, 0))
    matrix = np.zeros((size, length))
    matrix[np.arange(size), np.minimum(before + 1, length - 1)] = centre - before
    matrix[np.arange(size), before] += 1 - (centre - before)
    return matrix


def _read_mean(path: str) -> np.ndarray:
    mean = read_blob_file(path)
    if len(mean.shape) < 3 or math.prod(mean.shape[:-3]) != 1:
        raise CaffeError(f"{path}: got a blob of shape {list(mean.shape)}; expected a mean image, (C, H, W)")
    return mean.data.reshape(mean.shape[-3:])
