"""DummyData."""

from collections.abc import Sequence
from functools import partial

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.layers.base import at_least
from fcn_repro.caffe.layers.data.base_data import BaseDataLayer
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.random import fillers
from fcn_repro.caffe.synced_memory import Shape


class DummyData(BaseDataLayer):
    """Tops filled by fillers: once at setup if constant, so user writes persist; else every forward.

    Shapes   top[i] by dummy_data_param.shape (one for all, or one each), or by num, channels, height, width
    Reads    dummy_data_param: data_filler (default 0; one for all, or one each), shape
    Source   caffe 9b89154 dummy_data_layer.cpp
    """

    tops = at_least(1)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        given = list(self.param.dummy_data_param.data_filler)
        if len(given) not in (0, 1, len(top)):
            raise self.error(f"has {len(given)} data_filler entries for {len(top)} tops; expected 0, 1 or {len(top)}")
        self._fillers = given if len(given) > 1 else (given or [caffe_pb2.FillerParameter()]) * len(top)
        self.shape_tops(top, self.top_shapes())
        for blob, filler in zip(top, self._fillers, strict=True):
            if filler.type == "constant":
                blob.set_lazy(partial(self._fill, blob, filler, blob.dims))

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        param, tops = self.param.dummy_data_param, len(self.param.top)
        legacy = [list(dims) for dims in (param.num, param.channels, param.height, param.width)]
        if any(legacy) and param.shape:
            raise self.error("got both shape and num, channels, height, width. Fix: keep shape")
        if any(legacy):
            if any(len(dims) not in (1, tops) for dims in legacy):
                raise self.error(f"needs 1 or {tops} values each of num, channels, height, width")
            return list(zip(*(dims if len(dims) > 1 else dims * tops for dims in legacy), strict=True))
        if len(param.shape) not in (1, tops):
            raise self.error(f"has {len(param.shape)} shapes for {tops} tops; expected one for all or one each")
        shapes = [tuple(shape.dim) for shape in param.shape]
        return shapes if len(shapes) > 1 else shapes * tops

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        for blob, filler in zip(top, self._fillers, strict=True):
            if filler.type != "constant":
                self._fill(blob, filler, blob.dims)

    def _fill(self, blob: Blob, filler, shape: Shape) -> None:
        blob.memory.write(fillers.fill(filler, shape))
