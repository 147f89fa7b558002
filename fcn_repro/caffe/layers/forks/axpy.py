"""Axpy."""

from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.synced_memory import Shape


class Axpy(Layer):
    """a * x + y with one factor a per image and channel.

    Shapes   bottom[0] a (N, C) or (N, C, 1, 1); bottom[1] x and bottom[2] y (N, C, ...); top[0] as x
    Source   hujie-frank/SENet 0262d43 axpy_layer.cpp
    """

    bottoms = exactly(3)
    tops = exactly(1)

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        factor, x, y = bottom
        if x != y or len(x) < 2 or factor[:2] != x[:2] or any(n != 1 for n in factor[2:]):
            raise self.error(f"has bottoms of shapes {[list(b) for b in bottom]}; expected (N, C), two (N, C, ...)")
        return [x]

    def compute(self, *bottom: Tensor) -> Tensor:
        factor, x, y = bottom
        return _per_channel(factor, x) * x + y

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor]:
        """Sum of dy * x per channel; a * dy; dy."""
        factor, x, _ = bottom
        dy = top_diff[0]
        return [(dy * x).flatten(2).sum(2).view(factor.shape), _per_channel(factor, x) * dy, dy]


def _per_channel(factor: Tensor, x: Tensor) -> Tensor:
    return factor.reshape(*x.shape[:2], *[1] * (x.dim() - 2))
