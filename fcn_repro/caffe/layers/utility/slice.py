"""Slice."""

import torch
from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, at_least, exactly
from fcn_repro.caffe.synced_memory import Shape
from fcn_repro.layer_params.layer_axis import read_layer_axis


class Slice(Layer):
    """Slices one bottom into tops along an axis.

    Shapes   bottom[0] any; top[i] the same except along `axis`
    Reads    slice_param: axis (default 1) or the deprecated slice_dim; slice_point, strictly increasing, one fewer than
             tops, or none for equal parts
    Source   caffe 9b89154 slice_layer.cpp
    """

    bottoms = exactly(1)
    tops = at_least(1)

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        param = self.param.slice_param
        if param.HasField("slice_dim") and param.HasField("axis"):
            raise self.error("got both axis and the deprecated slice_dim. Fix: keep axis")
        (shape,) = bottom
        self._axis = self.canonical_axis(read_layer_axis(self.param), len(shape))
        self._sizes = self._parts(shape[self._axis], len(self.param.top))
        return [(*shape[: self._axis], size, *shape[self._axis + 1 :]) for size in self._sizes]

    def compute(self, *bottom: Tensor) -> tuple[Tensor, ...]:
        return tuple(part.contiguous() for part in bottom[0].split(self._sizes, self._axis))

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor]:
        return [torch.cat(top_diff, self._axis)]

    def _parts(self, size: int, tops: int) -> list[int]:
        points = list(self.param.slice_param.slice_point)
        if not points:
            if size % tops:
                raise self.error(f"cannot split {size} into {tops} equal parts. Fix: add slice_point")
            return [size // tops] * tops
        edges = [0, *points, size]
        if len(points) != tops - 1 or any(a >= b for a, b in zip(edges, edges[1:], strict=False)):
            raise self.error(
                f"got the slice_point {points} for {tops} tops of a dim of {size}; "
                f"expected {tops - 1} strictly increasing values between 0 and {size}, both excluded"
            )
        return [b - a for a, b in zip(edges, edges[1:], strict=False)]
