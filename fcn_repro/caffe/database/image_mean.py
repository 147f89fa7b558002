"""compute_image_mean: the mean of all images of a database, which mean_file reads.

Source   caffe 9b89154 tools/compute_image_mean.cpp
"""

from __future__ import annotations

import logging

import numpy as np

from fcn_repro.caffe.database.datum import parse_datum, read_pixels
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.proto.lmdb_file import LmdbFile
from fcn_repro.system.atomic_write import atomic_write

SHOWN = 10_000  # records between two lines of the log

log = logging.getLogger("caffe")
SOURCE = {"source": "compute_image_mean.cpp"}


def compute_image_mean(database: str) -> np.ndarray:
    """Return the mean (C, H, W) of a database's images; float32, summed in float32 and in order, as in Caffe.

    Raises   CaffeError for a missing or empty database, damaged records, and images of several sizes
    """
    total, count = np.zeros((), np.float32), 0
    log.info("Starting iteration", extra=SOURCE)
    for value in LmdbFile(database).values():
        try:
            pixels = read_pixels(parse_datum(value), None)
        except ValueError as error:
            raise CaffeError(f"{database}: record {count + 1}: {error}") from error
        if count and pixels.shape != total.shape:
            raise CaffeError(
                f"{database}: record {count + 1}: got an image of shape {list(pixels.shape)}, expected "
                f"{list(total.shape)}, that of the first. Fix: convert_imageset -resize_height H -resize_width W"
            )
        total = total + pixels.astype(np.float32)
        count += 1
        if count % SHOWN == 0:
            log.info("Processed %d files.", count, extra=SOURCE)
    if not count:
        raise CaffeError(f"{database}: got an empty database, expected images")
    if count % SHOWN:
        log.info("Processed %d files.", count, extra=SOURCE)
    return total / np.float32(count)


def write_mean(path: str, mean: np.ndarray) -> None:
    """Write a mean image as a BlobProto with the four dimensions of old Caffe, as compute_image_mean does."""
    blob = caffe_pb2.BlobProto(data=mean.ravel())
    blob.num, (blob.channels, blob.height, blob.width) = 1, mean.shape
    with atomic_write(path, "wb") as file:
        file.write(blob.SerializeToString())


def log_channel_means(mean: np.ndarray) -> None:
    """Log the mean of every channel."""
    log.info("Number of channels: %d", len(mean), extra=SOURCE)
    for index, channel in enumerate(mean):
        value = np.add.accumulate(channel.ravel(), dtype=np.float32)[-1] / np.float32(channel.size)
        log.info("mean_value channel [%d]: %g", index, value, extra=SOURCE)
