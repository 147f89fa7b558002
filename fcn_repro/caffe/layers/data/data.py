"""Data."""

from collections.abc import Iterator
from itertools import count

from fcn_repro.caffe.database.datum import parse_datum, read_pixels
from fcn_repro.caffe.layers.base import between
from fcn_repro.caffe.layers.data.base_data import BatchDataLayer, Item
from fcn_repro.caffe.layers.unsupported import unsupported
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.proto.lmdb_file import LmdbFile
from fcn_repro.caffe.proto.text_encoding import file_path
from fcn_repro.caffe.solver import solver_rank


class Data(BatchDataLayer):
    """Images with labels from an LMDB of Datum messages.

    Tops
        data    (N, C, H, W) float32, after transform_param
        label   (N), if there is a second top
    Reads    data_param: source, batch_size, backend (LMDB only); transform_param with force_color, force_gray
    Order    by key, byte by byte: number the keys with leading zeros. In TRAIN each of several solvers reads the
             records of its rank
    Raises   CaffeError if the database is missing, damaged or empty
    Source   caffe 9b89154 data_layer.cpp
    """

    tops = between(1, 2)

    def open_source(self) -> None:
        self._data_param = param = self.param.data_param
        self.batch_size = param.batch_size
        if param.backend != caffe_pb2.DataParameter.LMDB:
            raise unsupported("Data backend LEVELDB", self.param)
        force = self.param.transform_param
        if force.force_color and force.force_gray:
            raise self.error("got both force_color and force_gray. Fix: keep one")
        self._color = True if force.force_color else False if force.force_gray else None
        self._records = self._read()
        self._datum = next(self._records)

    def item(self) -> Item:
        try:
            return read_pixels(self._datum, self._color), self._datum.label
        except ValueError as error:
            raise self.error(f"read a {error}") from error

    def advance(self) -> None:
        self._datum = next(self._records)

    def _read(self) -> Iterator:
        """Yield the records in order, repeated forever."""
        source = self._data_param.source
        database = LmdbFile(file_path(source))
        if not database.entries:
            raise self.error(f"has the source {source!r}, an empty LMDB")
        place = count()
        while True:
            for value in database.values():
                if self.phase == caffe_pb2.TRAIN and not solver_rank.is_own_record(next(place)):
                    continue
                try:
                    yield parse_datum(value)
                except ValueError as error:
                    raise self.error(f"read a record of {source!r} that is {error}") from error
