"""Filter."""

from collections.abc import Sequence

import torch

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.layers.base import Layer, at_least
from fcn_repro.caffe.synced_memory import Shape


class Filter(Layer):
    """Keeps the items of a batch whose selector is not 0.

    Shapes
        bottom[i]   (N, ...) for every top; the last bottom is the selector, N values
        top[i]      (M, ...) of bottom[i]; M is N until the first forward, then the number of selected items
    Source   caffe 9b89154 filter_layer.cpp; other items get a zero gradient
    """

    bottoms = at_least(2)
    tops = at_least(1)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check the counts."""
        if len(top) != len(bottom) - 1:
            raise self.error(
                f"has {len(bottom)} bottoms and {len(top)} tops; expected one more bottom than tops, the selector"
            )
        self._selects = False  # True from the second reshape, when the selector has its values

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Shape the tops by the selector's values."""
        *items, selector = bottom
        if selector.count != selector.dims[0]:
            raise self.error(f"has a selector of shape {list(selector.dims)}; expected 1 along all axes but the first")
        for blob in items:
            if blob.dims[0] != selector.dims[0]:
                raise self.error(f"has {selector.dims[0]} selector values for a bottom of shape {list(blob.dims)}")
        shapes = self.top_shapes(*(blob.dims for blob in bottom))
        if not self._selects:
            self._selects = True
            self._selected = torch.arange(selector.dims[0], device=selector.tensor.device)
        else:
            self._selected = selector.tensor.flatten().nonzero().flatten()
            shapes = [(len(self._selected), *shape[1:]) for shape in shapes]
        for blob, shape in zip(top, shapes, strict=True):
            blob.reshape(*shape)

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        """The bottoms' shapes, except the selector's, for a selection of all items."""
        return list(bottom[:-1])

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        for source, blob in zip(bottom, top, strict=False):
            blob.store(source.tensor[self._selected])

    def backward(self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]) -> None:
        self.refuse_gradient(propagate_down, -1, "selector")
        for source, blob, wanted in zip(bottom, top, propagate_down, strict=False):
            if wanted:
                zeros = torch.zeros_like(source.tensor)
                source.store_gradient(zeros.index_copy_(0, self._selected, blob.gradient))
