"""Silence."""

from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, at_least, exactly
from fcn_repro.caffe.synced_memory import Shape


class Silence(Layer):
    """Reads blobs to remove them from the net's outputs.

    Shapes   bottom[i] any; no tops
    Source   caffe 9b89154 silence_layer.cpp
    """

    bottoms = at_least(1)
    tops = exactly(0)

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        return []

    def compute(self, *bottom: Tensor) -> tuple[Tensor, ...]:
        return ()

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor]:
        return [x.new_zeros(x.shape) for x in bottom]
