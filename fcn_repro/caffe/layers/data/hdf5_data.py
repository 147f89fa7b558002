"""HDF5Data."""

import os
from collections.abc import Sequence

import numpy as np
import torch

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.layers.base import at_least
from fcn_repro.caffe.layers.data.base_data import BaseDataLayer
from fcn_repro.caffe.proto import caffe_pb2, hdf5_file
from fcn_repro.caffe.proto.text_encoding import file_path
from fcn_repro.caffe.random.c_rand import random_shuffle
from fcn_repro.caffe.solver import solver_rank
from fcn_repro.system import untrusted_files


class HDF5Data(BaseDataLayer):
    """Rows of HDF5 data sets, file by file, repeated.

    Tops     one per data set of the same name: (batch_size, ...) from (rows, ...), integers or floats
    Reads    hdf5_data_param: source (a text file naming HDF5 files), batch_size, shuffle (files, and rows in a file)
    Order    that of the files. In TRAIN each of several solvers reads the rows of its rank
    Raises   CaffeError for a transform_param, which Caffe ignores here
    Source   caffe 9b89154 hdf5_data_layer.cpp
    """

    tops = at_least(1)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Load the first file, whose data sets give the tops' shapes."""
        if self.param.HasField("transform_param"):
            raise self.error("does not apply transform_param; transform the data before writing the file")
        param = self.param.hdf5_data_param
        if param.batch_size < 1:
            raise self.error(f"got hdf5_data_param.batch_size {param.batch_size}; expected at least 1")
        try:
            listed = untrusted_files.read_bytes(file_path(param.source))
        except OSError as error:
            raise CaffeError(f"Could not open file {param.source}") from error
        if listed.startswith(b"\x89HDF\r\n\x1a\n"):
            raise self.error(
                f"has the source {param.source!r}, an HDF5 file; expected a text file that lists HDF5 files. "
                f"Fix: echo {param.source} > list.txt"
            )
        self._files = [os.fsdecode(path) for path in listed.split()]
        if not self._files:
            raise self.error(f"has the source {param.source!r}, which names no file")
        self._order = list(range(len(self._files)))
        if param.shuffle:
            random_shuffle(self._order)
        self._file = 0
        self._load()
        self._row = self._place = 0
        for blob, values in zip(top, self._values, strict=True):
            blob.reshape(param.batch_size, *values.shape[1:])

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        rows = [self._take() for _ in range(self.param.hdf5_data_param.batch_size)]
        for blob, values in zip(top, zip(*rows, strict=True), strict=True):
            blob.store(torch.from_numpy(np.stack(values)).view(blob.dims))

    def _load(self) -> None:
        path = self._files[self._order[self._file]]
        try:
            with hdf5_file.open_hdf5(path, "file of data sets") as file:
                self._values = [np.asarray(hdf5_file.get_numbers(file, name), np.float32) for name in self.param.top]
        except CaffeError as error:
            raise CaffeError(
                f"layer {self.param.name!r}: cannot read {list(self.param.top)} from {path}: {error}"
            ) from error
        if not all(values.ndim and len(values) for values in self._values):
            raise self.error(f"reads data sets without rows from {path}")
        lengths = {len(values) for values in self._values}
        if len(lengths) > 1:
            raise self.error(f"reads data sets of {sorted(lengths)} rows from {path}; expected equal lengths")
        self._rows = list(range(lengths.pop()))
        if self.param.hdf5_data_param.shuffle:
            random_shuffle(self._rows)

    def _take(self) -> list[np.ndarray]:
        while self.phase == caffe_pb2.TRAIN and not solver_rank.is_own_record(self._place):
            self._advance()
        row = self._rows[self._row]
        found = [values[row] for values in self._values]
        self._advance()
        return found

    def _advance(self) -> None:
        self._place += 1
        self._row += 1
        if self._row == len(self._rows):
            self._next_file()

    def _next_file(self) -> None:
        """Move from the last row of a file to the first row of the next file."""
        shuffle = self.param.hdf5_data_param.shuffle
        if len(self._files) > 1:
            self._file = (self._file + 1) % len(self._files)
            if self._file == 0 and shuffle:
                random_shuffle(self._order)
            self._load()
        self._row = 0
        if shuffle:
            random_shuffle(self._rows)
