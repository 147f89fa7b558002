"""convert_imageset: a database of labelled images, for Data layers.

Source   caffe 9b89154 tools/convert_imageset.cpp; io.cpp (ReadImageToDatum, matchExt)
"""

from __future__ import annotations

import io
import logging
import os
from dataclasses import dataclass

import numpy as np
from PIL import Image

from fcn_repro.caffe.data_transformer import resize
from fcn_repro.caffe.database.datum import fill_pixels
from fcn_repro.caffe.database.lmdb_writer import BATCH, create_database
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.image_file import decode
from fcn_repro.caffe.image_list import Line, read_image_list
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.proto.text_encoding import show_path
from fcn_repro.caffe.random import rng
from fcn_repro.system import untrusted_files

FILE_BYTES = 256_000_000  # of the largest image file that is stored encoded
QUALITY = 95  # of a JPEG, as OpenCV's

log = logging.getLogger("caffe")
SOURCE = {"source": "convert_imageset.cpp"}


@dataclass(frozen=True)
class Conversion:
    """How images become records: convert_imageset's flags."""

    gray: bool = False
    shuffle: bool = False
    backend: str = "lmdb"
    resize_width: int = 0
    resize_height: int = 0
    check_size: bool = False
    encoded: bool = False
    encode_type: str = ""


def convert_imageset(root_folder: str, list_file: str, database: str, conversion: Conversion) -> int:
    """Write a database of the images in a list, and return their number.

    Keys are the line's number from 0 in eight digits, an underscore, and the image's path in the list. An image that
    cannot be read is reported and skipped.

    Raises   CaffeError for a missing list, an existing database, images of several sizes with check_size, or an
             encoding that Pillow does not write
    Differs  check_size compares the images, also encoded ones, whose size Caffe does not know
    """
    lines = read_image_list(list_file)
    if conversion.shuffle:
        log.info("Shuffling data", extra=SOURCE)
        rng.host().shuffle(lines)
    log.info("A total of %d images.", len(lines), extra=SOURCE)
    count, size = 0, 0
    datum = caffe_pb2.Datum()
    with create_database(database, conversion.backend) as writer:
        for index, line in enumerate(lines):
            path = root_folder + line.path
            try:
                image = _read_image(path, conversion)
            except (OSError, ValueError) as error:
                where = f"{show_path(list_file)}:{line.number}"
                log.error("%s: Could not open or find file %s: %s", where, show_path(path), error, extra=SOURCE)
                continue
            if conversion.check_size and image.size != (size or image.size):
                raise CaffeError(f"{show_path(path)}: Incorrect data field size {image.size}, expected {size}")
            size = image.size
            _fill(datum, image, path, line, conversion, list_file)
            writer.put(b"%08d_%s" % (index, os.fsencode(line.path)), datum.SerializeToString())
            count += 1
            if count % BATCH == 0:
                log.info("Processed %d files.", count, extra=SOURCE)
    if count % BATCH:
        log.info("Processed %d files.", count, extra=SOURCE)
    return count


def _read_image(path: str, conversion: Conversion) -> np.ndarray:
    with open(path, "rb") as file:  # names a missing file better than a decoder
        image = decode(untrusted_files.read_bytes(file.name, FILE_BYTES), not conversion.gray)
    height, width = conversion.resize_height, conversion.resize_width
    return resize(image, height, width) if height > 0 and width > 0 else image


def _fill(datum, image: np.ndarray, path: str, line: Line, conversion: Conversion, list_file: str) -> None:
    try:
        datum.label = line.label
    except ValueError as error:
        raise CaffeError(f"{show_path(list_file)}:{line.number}: label: {error}") from error
    extension = os.path.basename(path).rpartition(".")[2].lower()
    encoding = conversion.encode_type or (extension if conversion.encoded else "")
    if not encoding:
        fill_pixels(datum, image)
        return
    is_resized = conversion.resize_height > 0 or conversion.resize_width > 0
    if not is_resized and (extension == encoding.lower() or (encoding.lower(), extension) == ("jpg", "jpeg")):
        datum.data = untrusted_files.read_bytes(path, FILE_BYTES)
    else:
        datum.data = _encode(image, encoding)
    datum.encoded = True


def _encode(image: np.ndarray, encoding: str) -> bytes:
    """Encode an image (C, H, W), channels B G R, in the format of an extension."""
    Image.init()
    known = Image.registered_extensions()
    format = known.get(f".{encoding.lower()}")
    if format not in untrusted_files.FORMATS:
        names = sorted(name[1:] for name, kind in known.items() if kind in untrusted_files.FORMATS)
        raise CaffeError(f"encode_type: got {encoding!r}, expected one of {', '.join(names)}")
    pixels = image[0] if len(image) == 1 else image[::-1].transpose(1, 2, 0)
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, format, **{"quality": QUALITY} if format == "JPEG" else {})
    return file.getvalue()
