"""Flatten."""

import math
from collections.abc import Sequence

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.synced_memory import Shape


class Flatten(Layer):
    """Merges neighbouring axes into one.

    Shapes   bottom[0] any; top[0] the axes from `axis` to `end_axis` as one; shares the bottom's memory
    Reads    flatten_param: axis (default 1), end_axis (default -1)
    Source   caffe 9b89154 flatten_layer.cpp
    """

    bottoms = tops = exactly(1)
    may_be_in_place = False

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        (shape,), param = bottom, self.param.flatten_param
        first = self.canonical_axis(param.axis, len(shape))
        last = self.canonical_axis(param.end_axis, len(shape))
        return [(*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])]

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Share the bottom's data."""
        top[0].share_data(bottom[0])

    def backward(self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]) -> None:
        """Share the top's gradient with the bottom."""
        bottom[0].share_diff(top[0])
