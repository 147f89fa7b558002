"""extract_features: databases of a net's feature maps.

Source   caffe 9b89154 tools/extract_features.cpp
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fcn_repro.caffe.database.lmdb_writer import BATCH, create_database
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2

if TYPE_CHECKING:
    from fcn_repro.caffe.net.net import Net

log = logging.getLogger("caffe")
SOURCE = {"source": "extract_features.cpp"}
MAX_AXES = 4  # of a blob that a Datum holds


def extract_features(net: Net, blobs: Sequence[str], databases: Sequence[str], batches: int, backend: str) -> None:
    """Run `batches` forward passes and write every item of each blob into its database, as float_data.

    Keys are the item's number from 0 in ten digits.

    Raises   CaffeError for unequal numbers of names, an unknown blob, or one with more than four axes
    """
    if len(blobs) != len(databases):
        raise CaffeError(f"got {len(blobs)} blob names and {len(databases)} dataset names, expected equal numbers")
    for name in blobs:
        if name not in net.blobs:
            raise CaffeError(f"Unknown feature blob name {name}; the net has {', '.join(net.blobs)}")
        if not 1 <= len(net.blobs[name].dims) <= MAX_AXES:
            raise CaffeError(f"blob {name}: got shape {list(net.blobs[name].dims)}, expected 1 to {MAX_AXES} axes")
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(create_database(path, backend)) for path in databases]
        log.error("Extracting Features", extra=SOURCE)  # an error: Caffe shows its progress at every log level
        counts = dict.fromkeys(blobs, 0)
        for _ in range(batches):
            net.forward()
            for name, writer in zip(blobs, writers, strict=True):
                for features in net.blobs[name].data:
                    writer.put(b"%010d" % counts[name], _make_datum(features).SerializeToString())
                    counts[name] += 1
                    if counts[name] % BATCH == 0:
                        _log_count(counts[name], name)
        for name, count in counts.items():
            _log_count(count, name)
    log.error("Successfully extracted the features!", extra=SOURCE)


def _make_datum(features: np.ndarray):
    channels, height, width = (*features.shape, 1, 1, 1)[:3]
    return caffe_pb2.Datum(channels=channels, height=height, width=width, float_data=features.ravel())


def _log_count(count: int, name: str) -> None:
    log.error("Extracted features of %d query images for feature blob %s", count, name, extra=SOURCE)
