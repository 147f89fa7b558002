"""Split."""

from collections.abc import Sequence

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.layers.base import Layer, at_least, exactly
from fcn_repro.caffe.synced_memory import Shape


class Split(Layer):
    """One blob for several readers. Net inserts Split layers automatically.

    Shapes   top[i] as bottom[0], with shared data; diffs are separate and summed
    Source   caffe 9b89154 split_layer.cpp
    """

    bottoms = exactly(1)
    tops = at_least(1)
    may_be_in_place = False

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        for blob in top:
            blob.reshape(*bottom[0].dims)

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        return [bottom[0]] * len(self.param.top)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Share the bottom's data with the tops."""
        for blob in top:
            blob.share_data(bottom[0])

    def backward(self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]) -> None:
        """Sum the tops' gradients."""
        if propagate_down[0]:
            total = top[0].gradient.clone() if len(top) == 1 else top[0].gradient + top[1].gradient
            for blob in top[2:]:
                total.add_(blob.gradient)
            bottom[0].store_gradient(total)
