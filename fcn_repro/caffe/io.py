"""caffe.io: conversion of images and protobuf messages to and from arrays.

An image is (H, W, C) float32 in [0, 1], R G B; a Transformer converts it to a net's input.

Differs  Pillow reads images and scipy resizes them, both like scikit-image 0.15 and later, which smooths before it
         shrinks an image; scikit-image of Caffe's time did not
Source   caffe 9b89154 python/caffe/io.py
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from fcn_repro.caffe.image_file import read_numbers
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.system import untrusted_files

_MODES = {"constant": "grid-constant", "edge": "nearest", "symmetric": "reflect", "reflect": "mirror",
          "wrap": "grid-wrap"}  # scikit-image's name of how an image continues -> scipy's  # fmt: skip

# -- messages ----------------------------------------------------------------------------------------------------------


def blobproto_to_array(blob, return_diff: bool = False) -> np.ndarray:
    """Convert the data, or the diff, of a BlobProto to float64; files of 2014 have four legacy dims.

    Raises   ValueError unless the numbers fill the shape; a blob without shape has one number
    """
    legacy = ("num", "channels", "height", "width")
    dims = [getattr(blob, name) for name in legacy] if any(map(blob.HasField, legacy)) else blob.shape.dim
    return np.array(blob.diff if return_diff else blob.data, np.float64).reshape(tuple(dims))


def array_to_blobproto(arr: np.ndarray, diff: np.ndarray | None = None):
    """Convert an array of any shape, and its diff, to a BlobProto."""
    blob = caffe_pb2.BlobProto(data=np.ravel(arr).astype(float))
    if diff is not None:
        blob.diff.extend(np.ravel(diff).astype(float))
    blob.shape.dim.extend(arr.shape)
    return blob


def arraylist_to_blobprotovector_str(arraylist: Iterable[np.ndarray]) -> bytes:
    """Convert arrays to a serialised BlobProtoVector."""
    return caffe_pb2.BlobProtoVector(blobs=map(array_to_blobproto, arraylist)).SerializeToString()


def blobprotovector_str_to_arraylist(str: bytes) -> list[np.ndarray]:
    """Convert a serialised BlobProtoVector to arrays."""
    return [blobproto_to_array(blob) for blob in caffe_pb2.BlobProtoVector.FromString(str).blobs]


def array_to_datum(arr: np.ndarray, label: int | None = None):
    """Convert a (C, H, W) array to a Datum: uint8 as bytes, other types as floats.

    Raises   ValueError for another number of axes
    """
    if arr.ndim != 3:
        raise ValueError(f"Incorrect array shape. Expected (channels, height, width), found {arr.shape}")
    datum = caffe_pb2.Datum(label=label)
    datum.channels, datum.height, datum.width = arr.shape
    if arr.dtype == np.uint8:
        datum.data = arr.tobytes()
    else:
        datum.float_data.extend(arr.ravel().astype(float))
    return datum


def datum_to_array(datum) -> np.ndarray:
    """Convert a Datum to a (C, H, W) array: uint8 from bytes, float64 from floats."""
    numbers = np.frombuffer(datum.data, np.uint8).copy() if datum.data else np.array(datum.float_data, np.float64)
    return numbers.reshape(datum.channels, datum.height, datum.width)


# -- from images to net inputs -----------------------------------------------------------------------------------------


class Transformer:
    """Converts images (H, W, C) to inputs (C, H, W) and back. `inputs` maps the inputs' names to shapes (N, C, H, W).

    Steps in fixed order: resize, transpose, channel_swap, raw_scale, mean, input_scale; unset steps are skipped.

    Raises   Exception, as pycaffe, for a name that is not an input
    """

    def __init__(self, inputs: Mapping[str, Sequence[int]]) -> None:
        self.inputs = inputs
        self.transpose: dict[str, Sequence[int]] = {}
        self.channel_swap: dict[str, Sequence[int]] = {}
        self.raw_scale: dict[str, float] = {}
        self.mean: dict[str, np.ndarray] = {}
        self.input_scale: dict[str, float] = {}

    def preprocess(self, in_: str, data: np.ndarray) -> np.ndarray:
        """Convert an image to an input. As in Caffe, a float32 image of the input's size is changed in place."""
        shape = self._shape(in_)
        result = data.astype(np.float32, copy=False)
        if result.shape[:2] != shape[2:]:
            result = resize_image(result, shape[2:])
        if in_ in self.transpose:
            result = result.transpose(self.transpose[in_])
        if in_ in self.channel_swap:
            result = result[list(self.channel_swap[in_])]
        if in_ in self.raw_scale:
            result *= self.raw_scale[in_]
        if in_ in self.mean:
            result -= self.mean[in_]
        if in_ in self.input_scale:
            result *= self.input_scale[in_]
        return result

    def deprocess(self, in_: str, data: np.ndarray) -> np.ndarray:
        """Convert an input to an image, at the input's size."""
        self._shape(in_)
        result = data.copy().squeeze()
        if in_ in self.input_scale:
            result /= self.input_scale[in_]
        if in_ in self.mean:
            result += self.mean[in_]
        if in_ in self.raw_scale:
            result /= self.raw_scale[in_]
        if in_ in self.channel_swap:
            result = result[np.argsort(self.channel_swap[in_])]
        if in_ in self.transpose:
            result = result.transpose(np.argsort(self.transpose[in_]))
        return result

    def set_transpose(self, in_: str, order: Sequence[int]) -> None:
        """Set the order of the axes: (2, 0, 1) converts (H, W, C) to (C, H, W)."""
        axes = len(self._shape(in_)) - 1
        if len(order) != axes:
            raise Exception(f"Transpose order needs to name the input's {axes} axes; found {order}")
        self.transpose[in_] = order

    def set_channel_swap(self, in_: str, order: Sequence[int]) -> None:
        """Set the order of the channels after transposing: (2, 1, 0) converts R G B to B G R."""
        channels = self._shape(in_)[1]
        if len(order) != channels:
            raise Exception(f"Channel swap needs to name the input's {channels} channels; found {order}")
        self.channel_swap[in_] = order

    def set_raw_scale(self, in_: str, scale: float) -> None:
        """Set the factor before the mean: 255 for nets that were trained on bytes."""
        self._shape(in_)
        self.raw_scale[in_] = scale

    def set_mean(self, in_: str, mean: np.ndarray) -> None:
        """Set the mean: one number per channel, or an array (C, H, W) of any size, which is resized.

        Raises   ValueError for other channels or axes
        """
        _, channels, *size = self._shape(in_)
        if mean.ndim == 1:
            mean = mean[:, np.newaxis, np.newaxis]
        elif mean.ndim == 2:
            mean = mean[np.newaxis]
        if mean.ndim != 3:
            raise ValueError(f"Mean shape invalid: {mean.shape}; expected ({channels},) or {(channels, *size)}")
        if len(mean) != channels:
            raise ValueError(f"Mean channels incompatible with input: {len(mean)} and {channels}")
        if mean.shape[1:] not in ((1, 1), tuple(size)):
            mean = resize_image(mean.transpose(1, 2, 0), size).transpose(2, 0, 1)
        self.mean[in_] = mean

    def set_input_scale(self, in_: str, scale: float) -> None:
        """Set the factor after the mean."""
        self._shape(in_)
        self.input_scale[in_] = scale

    def _shape(self, in_: str) -> tuple[int, ...]:
        if in_ not in self.inputs:
            raise Exception(f"{in_} is not one of the net inputs: {list(self.inputs)}")
        return tuple(self.inputs[in_])


# -- images ------------------------------------------------------------------------------------------------------------


def load_image(filename: str | Path, color: bool = True) -> np.ndarray:
    """Read an image file as (H, W, 3), grey repeated and alpha dropped; without `color` as (H, W, 1) by luma.

    Whole numbers are divided by the largest of their type, 255 or 65535; floats stay as they are. EXIF turns nothing.

    Raises   OSError for a missing file or a format that untrusted_files does not open; Pillow's errors for a damaged
             file; PIL.Image.DecompressionBombError for too many pixels
    """
    with untrusted_files.open_image(filename) as image:
        pixels = _img_as_float(read_numbers(image))
    if pixels.ndim == 2:
        pixels = pixels[:, :, np.newaxis].repeat(3 if color else 1, axis=2)
    elif not color:
        pixels = pixels @ np.array([[0.2125], [0.7154], [0.0721]])
    return pixels.astype(np.float32)


def resize_image(im: np.ndarray, new_dims: Sequence[int] | np.ndarray, interp_order: int = 1) -> np.ndarray:
    """Resize an image (H, W, K) of any range to (height, width) `new_dims` by splines of `interp_order`; float32.

    With 1 or 3 channels the outside counts as the image's minimum, so an enlarged image fades at its border.
    """
    if im.shape[2] not in (1, 3):
        from scipy import ndimage  # here: it is a tenth of this package's import time

        factors = np.divide((*new_dims, im.shape[2]), im.shape)
        return ndimage.zoom(im, factors, order=interp_order).astype(np.float32)
    low, high = im.min(), im.max()
    if low == high:
        return np.full((*new_dims, im.shape[2]), low, np.float32)
    resized = resize((im - low) / (high - low), tuple(new_dims), order=interp_order, mode="constant")
    return (resized * (high - low) + low).astype(np.float32)


def resize(
    image: np.ndarray,
    output_shape: Sequence[int],
    order: int | None = None,
    mode: str = "reflect",
    cval: float = 0,
    clip: bool = True,
    preserve_range: bool = False,
    anti_aliasing: bool | None = None,
    anti_aliasing_sigma: float | Sequence[float] | None = None,
) -> np.ndarray:
    """skimage.transform.resize, which pycaffe's io imports: resize along every axis by splines of `order` (1).

    `output_shape` may omit the channels. Whole numbers become floats from 0 to 1, unless `preserve_range`. An image
    that shrinks is smoothed first, unless `anti_aliasing` is false. The result stays in the image's range with `clip`.

    Raises   ValueError for an output_shape of other axes, or an unknown mode
    """
    from scipy import ndimage  # here: it is a tenth of this package's import time

    if mode not in _MODES:
        raise ValueError(f"resize: got mode {mode!r}, expected one of {', '.join(_MODES)}")
    shape = tuple(output_shape)
    shape += image.shape[-1:] if len(shape) == image.ndim - 1 else ()
    image = image.reshape(*image.shape, *[1] * (len(shape) - image.ndim))
    if len(shape) != image.ndim:
        raise ValueError(f"resize: got output_shape {shape} for an image of shape {image.shape}")
    is_bool, is_nearest = image.dtype == bool, order == 0 and np.issubdtype(image.dtype, np.integer)
    if anti_aliasing is None:
        anti_aliasing = not is_bool and not is_nearest and any(np.less(shape, image.shape))
    order = (0 if is_bool else 1) if order is None else order
    if not is_bool and image.dtype.kind != "f":
        image = image.astype(np.float64) if preserve_range else _img_as_float(image)
    factors = np.divide(image.shape, shape)
    smooth = image
    if anti_aliasing:
        sigma = np.maximum(0, (factors - 1) / 2) if anti_aliasing_sigma is None else anti_aliasing_sigma
        smooth = ndimage.gaussian_filter(image, sigma, cval=cval, mode=_MODES[mode])
    resized = ndimage.zoom(smooth, 1 / factors, order=order, mode=_MODES[mode], cval=cval, grid_mode=True)
    if clip and not is_bool:
        outside = mode == "constant" and not image.min() <= cval <= image.max()
        resized = np.where(outside & (resized == cval), cval, resized.clip(image.min(), image.max()))
    return resized.astype(image.dtype, copy=False)


def oversample(images: Sequence[np.ndarray], crop_dims: Sequence[int] | np.ndarray) -> np.ndarray:
    """Cut ten crops (height, width) of every image (H, W, K): four corners from top left, centre, and mirrored.

    Returns (10 N, height, width, K) float32; the five mirrored crops follow their originals.
    """
    height, width = crop_dims
    bottom, right = np.subtract(images[0].shape[:2], crop_dims)
    corners = [*product((0, bottom), (0, right)), (bottom // 2, right // 2)]
    crops = []
    for image in images:
        five = [image[y : y + height, x : x + width] for y, x in corners]
        crops += five + [crop[:, ::-1] for crop in five]
    return np.array(crops, np.float32)


def _img_as_float(pixels: np.ndarray) -> np.ndarray:
    """Convert whole numbers to [0, 1], or [-1, 1] if they have a sign; keep floats (skimage.img_as_float)."""
    if pixels.dtype.kind not in "ui":
        return pixels
    return np.maximum(pixels / np.iinfo(pixels.dtype).max, -1.0)


def __getattr__(name: str) -> Any:
    """Import what pycaffe's io imports, for scripts that take it from here: skimage and scipy's zoom."""
    if name == "zoom":
        return importlib.import_module("scipy.ndimage").zoom
    if name != "skimage":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        importlib.import_module("skimage.io")
        importlib.import_module("skimage.transform")
        return importlib.import_module("skimage")
    except ImportError as error:
        raise AttributeError(
            "caffe.io.skimage: got no scikit-image, expected an installed one. Fix: pip install scikit-image; or write "
            "caffe.io.load_image for imread, and caffe.io.resize for skimage.transform.resize"
        ) from error
