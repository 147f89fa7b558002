"""Concat."""

import torch
from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, at_least, exactly
from fcn_repro.caffe.synced_memory import Shape
from fcn_repro.layer_params.layer_axis import read_layer_axis


class Concat(Layer):
    """Concatenates bottoms along an axis.

    Shapes   bottom[i] equal except along `axis`; top[0] has the sum there
    Reads    concat_param: axis (default 1), or the deprecated concat_dim
    Source   caffe 9b89154 concat_layer.cpp
    """

    bottoms = at_least(1)
    tops = exactly(1)

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        param = self.param.concat_param
        if param.HasField("concat_dim") and param.HasField("axis"):
            raise self.error("got both axis and the deprecated concat_dim. Fix: keep axis")
        self._axis = self.canonical_axis(read_layer_axis(self.param), len(bottom[0]))
        rest = _without(bottom[0], self._axis)
        for shape in bottom:
            if len(shape) != len(bottom[0]) or _without(shape, self._axis) != rest:
                raise self.error(
                    f"has bottoms of shapes {list(bottom[0])} and {list(shape)}; "
                    f"expected them to differ only along axis {self._axis}"
                )
        self._sizes = [shape[self._axis] for shape in bottom]
        return [(*bottom[0][: self._axis], sum(self._sizes), *bottom[0][self._axis + 1 :])]

    def compute(self, *bottom: Tensor) -> Tensor:
        return torch.cat(bottom, self._axis)

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor]:
        return [part.contiguous() for part in top_diff[0].split(self._sizes, self._axis)]


def _without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1 :]
