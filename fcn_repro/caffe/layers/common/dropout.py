"""Dropout."""

from __future__ import annotations

from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.random import rng
from fcn_repro.caffe.synced_memory import Shape


class Dropout(Layer):
    """Element by element: in TRAIN, zero with probability r and times 1/(1-r) otherwise; in TEST, a copy.

    Shapes   bottom[0] any; top[0] the same; may be in place
    Reads    dropout_param: dropout_ratio; the layer's phase
    Differs  torch's Dropout2d, used by some ports, drops whole channels; this drops elements, on conv maps too.
             On a GPU the mask comes from torch's generator there: Caffe's cuRAND stream cannot be had either way.
    Source   caffe 9b89154 dropout_layer.cpp; one mask per forward, reused by the next backward
    """

    bottoms = tops = exactly(1)

    def prepare(self, *bottom: Shape) -> None:
        """Read the ratio."""
        ratio = self.param.dropout_param.dropout_ratio
        if not 0 < ratio < 1:
            raise self.error(f"has dropout_ratio {ratio}; expected a number between 0 and 1, both excluded")
        self._keep = 1 - ratio

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        """The bottom's shape."""
        return [bottom[0]]

    def compute(self, *bottom: Tensor) -> Tensor:
        """Drop and scale, or copy."""
        (x,) = bottom
        if self.phase == caffe_pb2.TEST:
            return x
        return x * self._drawn(x)

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor]:
        """The same mask and scale on the gradient."""
        (dy,) = top_diff
        return [dy if self.phase == caffe_pb2.TEST else dy * self._multiplier]

    def overwrite(self, x: Tensor) -> bool:
        """Drop and scale, or leave."""
        if self.phase != caffe_pb2.TEST:
            x.mul_(self._drawn(x))
        return True

    def overwrite_gradient(self, dy: Tensor, y: Tensor) -> bool:
        """The same mask and scale."""
        if self.phase != caffe_pb2.TEST:
            dy.mul_(self._multiplier)
        return True

    def _drawn(self, x: Tensor) -> Tensor:
        self._multiplier = rng.bernoulli(tuple(x.shape), self._keep, x.device).to(x.dtype).div_(self._keep)
        return self._multiplier
