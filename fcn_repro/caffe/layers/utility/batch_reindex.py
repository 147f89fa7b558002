"""BatchReindex."""

from __future__ import annotations

from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.synced_memory import Shape


class BatchReindex(Layer):
    """Picks, repeats and reorders the items of a batch.

    Shapes
        bottom[0]   (N, ...); bottom[1] (M) which item of bottom[0] each item of the top is
        top[0]      (M, ...)
    Source   caffe 9b89154 batch_reindex_layer.cpp; an item picked twice gets both gradients
    """

    bottoms = exactly(2)
    tops = exactly(1)

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        """As many items as indices."""
        items, indices = bottom
        if len(indices) != 1:
            raise self.error(f"needs indices with one axis, not {list(indices)}")
        return [(indices[0], *items[1:])]

    def compute(self, *bottom: Tensor) -> Tensor:
        """Pick."""
        items, indices = bottom[0], bottom[1].long()
        outside = indices[(indices < 0) | (indices >= len(items))]
        if outside.numel():
            raise self.error(f"was asked for item {int(outside[0])} of a batch of {len(items)}")
        return items[indices]

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """Add up what came from the same item."""
        if wanted[1]:
            raise self.error(f"cannot pass a gradient to its indices, bottom {self.param.bottom[1]!r}")
        return [bottom[0].new_zeros(bottom[0].shape).index_add_(0, bottom[1].long(), top_diff[0]), None]
