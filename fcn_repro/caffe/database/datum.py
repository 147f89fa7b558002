"""A Datum: an image of a database, as numbers or as an encoded image file.

Source   caffe 9b89154 io.cpp (DecodeDatum, CVMatToDatum), data_transformer.cpp
"""

from __future__ import annotations

import math

import numpy as np
from google.protobuf.message import DecodeError

from fcn_repro.caffe.image_file import decode
from fcn_repro.caffe.proto import caffe_pb2


def parse_datum(value: bytes):
    """Parse the value of a record.

    Raises   ValueError for other bytes than a Datum's
    """
    try:
        return caffe_pb2.Datum.FromString(value)
    except DecodeError as error:
        raise ValueError(f"not a Datum: {error}") from error


def read_pixels(datum, color: bool | None) -> np.ndarray:
    """Return an image (C, H, W): uint8, or float32 from float_data. `color` is decode's, of an encoded image.

    Raises   ValueError for a damaged image, or numbers that do not fill the shape
    """
    if datum.encoded:
        try:
            return decode(datum.data, color)
        except OSError as error:
            raise ValueError(f"datum without a valid image: {error}") from error
    numbers = np.frombuffer(datum.data, np.uint8) if datum.data else np.float32(datum.float_data)
    shape = (datum.channels, datum.height, datum.width)
    if min(shape) < 0 or numbers.size != math.prod(shape):
        raise ValueError(f"datum of {numbers.size} values for the shape {list(shape)}")
    return numbers.reshape(shape)


def fill_pixels(datum, pixels: np.ndarray) -> None:
    """Replace an image by uint8 numbers (C, H, W), not encoded. The label stays."""
    datum.channels, datum.height, datum.width = pixels.shape
    datum.ClearField("float_data")
    datum.data, datum.encoded = pixels.tobytes(), False
