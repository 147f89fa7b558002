"""EuclideanLoss."""

import math

from torch import Tensor

from fcn_repro.caffe.layers.loss.base_loss import LossLayer
from fcn_repro.caffe.synced_memory import Shape


class EuclideanLoss(LossLayer):
    """Half the mean over the batch of squared distances.

    Shapes   bottom[0], bottom[1] (N, ...) of equal counts; top[0] () = sum of (a - b)^2 / 2N
    Differs  torch's mse_loss divides by the number of elements and not by 2
    Source   caffe 9b89154 euclidean_loss_layer.cpp
    """

    def allow_force_backward(self, bottom_index: int) -> bool:
        """Both bottoms get gradients."""
        return True

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        """A scalar; the items must have equal sizes."""
        shapes = super().top_shapes(*bottom)
        if math.prod(bottom[0][1:]) != math.prod(bottom[1][1:]):
            raise self.error(f"compares items of unequal size: {list(bottom[0])} and {list(bottom[1])}")
        return shapes

    def compute(self, *bottom: Tensor) -> Tensor:
        self._difference = bottom[0] - bottom[1].view(bottom[0].shape)
        return self._difference.square().sum() / (2 * len(bottom[0]))

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor]:
        """(a - b) / N, and the opposite."""
        d_first = self._difference * (top_diff[0] / len(bottom[0]))
        return [d_first, -d_first.view(bottom[1].shape)]
