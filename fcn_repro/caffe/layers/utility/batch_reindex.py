"""BatchReindex."""

from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.synced_memory import Shape


class BatchReindex(Layer):
    """Selects, repeats and reorders the items of a batch.

    Shapes
        bottom[0]   (N, ...); bottom[1] (M) for each item of the top, its index in bottom[0]
        top[0]      (M, ...)
    Source   caffe 9b89154 batch_reindex_layer.cpp; an item selected twice gets the sum of both gradients
    """

    bottoms = exactly(2)
    tops = exactly(1)

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        items, indices = bottom
        if len(indices) != 1:
            raise self.error(f"needs indices of one axis, not {list(indices)}")
        return [(indices[0], *items[1:])]

    def compute(self, *bottom: Tensor) -> Tensor:
        items, indices = bottom[0], bottom[1].long()
        outside = indices[(indices < 0) | (indices >= len(items))]
        if outside.numel():
            raise self.error(f"got the index {int(outside[0])}; expected 0 to {len(items) - 1}")
        return items[indices]

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """Sum the gradients of the same item."""
        self.refuse_gradient(wanted, 1, "indices")
        return [bottom[0].new_zeros(bottom[0].shape).index_add_(0, bottom[1].long(), top_diff[0]), None]
