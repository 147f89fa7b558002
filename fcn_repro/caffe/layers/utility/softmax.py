"""Softmax."""

import torch
from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.synced_memory import Shape


class Softmax(Layer):
    """exp(x) divided by its sum along an axis.

    Shapes   bottom[0] any; top[0] the same; may be in place
    Reads    softmax_param: axis (default 1)
    Source   caffe 9b89154 softmax_layer.cpp
    """

    bottoms = tops = exactly(1)

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        self._axis = self.canonical_axis(self.param.softmax_param.axis, len(bottom[0]))
        return [bottom[0]]

    def compute(self, *bottom: Tensor) -> Tensor:
        return torch.softmax(bottom[0], self._axis)

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor]:
        """y * (dy - sum of dy*y)."""
        (y,), (dy,) = top, top_diff
        return [(dy - (dy * y).sum(self._axis, keepdim=True)) * y]
