"""Permute."""

from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.synced_memory import Shape


class Permute(Layer):
    """Axes in another order.

    Shapes   bottom[0] any; top[0] its dims in `order`, then those of the axes that `order` lacks
    Reads    permute_param: order
    Source   weiliu89/caffe 4817bf8 (branch ssd) permute_layer.cpp
    """

    bottoms = tops = exactly(1)
    may_be_in_place = False

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        order, axes = list(self.param.permute_param.order), range(len(bottom[0]))
        if len(set(order)) < len(order) or not set(order) <= set(axes):
            raise self.error(f"got the order {order} for a bottom of shape {list(bottom[0])}; expected each axis once")
        self._order = order + [axis for axis in axes if axis not in order]
        return [tuple(bottom[0][axis] for axis in self._order)]

    def compute(self, *bottom: Tensor) -> Tensor:
        return bottom[0].permute(self._order).contiguous()

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor]:
        """dy in the old order."""
        back = [self._order.index(axis) for axis in range(len(self._order))]
        return [top_diff[0].permute(back).contiguous()]
