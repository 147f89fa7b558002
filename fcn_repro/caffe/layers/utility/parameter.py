"""Parameter."""

from collections.abc import Sequence

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.synced_memory import Shape


class Parameter(Layer):
    """A trainable blob as a top, for layers that take weights as a bottom.

    Shapes   top[0] and blobs[0] by parameter_param.shape, in the same memory; initially 0
    Reads    parameter_param: shape
    Source   caffe 9b89154 parameter_layer.hpp: the diff is shared too, so the next layer overwrites it
    """

    bottoms = exactly(0)
    tops = exactly(1)

    def prepare(self, *bottom: Shape) -> None:
        self.add_blob(tuple(self.param.parameter_param.shape.dim), caffe_pb2.FillerParameter())

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        return [self.blobs[0].dims]

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Share the blob's data and diff with the top."""
        top[0].share_data(self.blobs[0])
        top[0].share_diff(self.blobs[0])

    def backward(self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]) -> None:
        """Do nothing: the memory is shared."""
