"""HDF5Data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from fcn_repro.system import untrusted_files
from fcn_repro.caffe.solver import solver_rank
from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.random.c_rand import random_shuffle
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.layers.base import Layer, at_least, exactly
from fcn_repro.caffe.proto import caffe_pb2, hdf5_file


class HDF5Data(Layer):
    """Rows of HDF5 data sets, file after file, around and around.

    Tops     one per data set of the same name: (batch_size, ...) of (rows, ...), integers or floats
    Reads    hdf5_data_param: source (a text file naming HDF5 files), batch_size, shuffle (files, and rows in a file)
    Order    the files'. In TRAIN, of several solvers each reads the rows of its rank
    Raises   CaffeError for a transform_param, which Caffe does not apply here
    Source   caffe 9b89154 hdf5_data_layer.cpp
    """

    bottoms = exactly(0)
    tops = at_least(1)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Load the first file and shape the tops by it."""
        if self.param.HasField("transform_param"):
            raise self.error("does not apply transform_param; transform the data before writing the file")
        param = self.param.hdf5_data_param
        try:
            self._files = untrusted_files.read_text(param.source).split()
        except OSError as error:
            raise CaffeError(f"Could not open file {param.source}") from error
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

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Nothing: the shapes are those of the first file."""

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Hand out the next rows."""
        rows = [self._take() for _ in range(self.param.hdf5_data_param.batch_size)]
        for blob, values in zip(top, zip(*rows, strict=True), strict=True):
            blob.store(torch.from_numpy(np.stack(values)).view(blob.dims))

    def backward(self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]) -> None:
        """Nothing: there is no bottom."""

    def _load(self) -> None:
        path = self._files[self._order[self._file]]
        try:
            with hdf5_file.reading(path, "file of data sets") as file:
                self._values = [np.asarray(hdf5_file.numbers(file, name), np.float32) for name in self.param.top]
        except CaffeError as error:
            raise CaffeError(
                f"layer {self.param.name!r}: cannot read {list(self.param.top)} from {path}: {error}"
            ) from error
        if not all(values.ndim and len(values) for values in self._values):
            raise self.error(f"reads data sets without rows from {path}")
        lengths = {len(values) for values in self._values}
        if len(lengths) > 1:
            raise self.error(f"reads data sets of {sorted(lengths)} rows from {path}; they must be equally long")
        self._rows = list(range(lengths.pop()))
        if self.param.hdf5_data_param.shuffle:
            random_shuffle(self._rows)

    def _take(self) -> list[np.ndarray]:
        while self.phase == caffe_pb2.TRAIN and not solver_rank.is_mine(self._place):
            self._advance()
        row = self._rows[self._row]
        found = [values[row] for values in self._values]
        self._advance()
        return found

    def _advance(self) -> None:
        self._place += 1
        self._row += 1
        if self._row == len(self._rows):
            self._turn()

    def _turn(self) -> None:
        """On from a file's last row: to the next file if there are several."""
        shuffle = self.param.hdf5_data_param.shuffle
        if len(self._files) > 1:
            self._file = (self._file + 1) % len(self._files)
            if self._file == 0 and shuffle:
                random_shuffle(self._order)
            self._load()
        self._row = 0
        if shuffle:
            random_shuffle(self._rows)
