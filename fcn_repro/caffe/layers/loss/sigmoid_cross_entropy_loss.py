"""SigmoidCrossEntropyLoss."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from fcn_repro.caffe.layers.loss.base_loss import LossLayer
from fcn_repro.caffe.synced_memory import Shape


class SigmoidCrossEntropyLoss(LossLayer):
    """Element-wise cross entropy of p = sigmoid(x) and a target t: -t log p - (1 - t) log(1 - p).

    Shapes   bottom[0] scores x, bottom[1] targets t of the same count, of any value; top[0] () the sum over D
    Reads    loss_param: ignore_label (compared with t truncated towards zero), normalization, normalize (deprecated)
             The divisor D is SoftmaxWithLoss's, but the default is BATCH_SIZE, the first dim
    Differs  torch's binary_cross_entropy_with_logits divides by the number of elements
    Source   caffe 9b89154 sigmoid_cross_entropy_loss_layer.cpp
    """

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        """A scalar; there must be one target per score."""
        shapes = super().top_shapes(*bottom)
        if math.prod(bottom[0]) != math.prod(bottom[1]):
            raise self.error(f"has scores of shape {list(bottom[0])} and targets of shape {list(bottom[1])}")
        return shapes

    def compute(self, *bottom: Tensor) -> Tensor:
        """The loss, in a form that does not overflow."""
        x, t = bottom[0], bottom[1].view(bottom[0].shape)
        self._ignored = torch.zeros_like(t, dtype=torch.bool)
        if self.ignore_label is not None:
            self._ignored = t.long() == self.ignore_label
        valid = x.numel() - int(self._ignored.sum())
        self._divisor = self.divisor(len(x), x[0].numel(), valid)
        losses = F.binary_cross_entropy_with_logits(x, t, reduction="none")
        return losses.masked_fill(self._ignored, 0).sum() / self._divisor

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """(sigmoid(x) - t) / D, 0 where the target is ignored."""
        self.refuse_gradient(wanted, 1, "labels")
        difference = torch.sigmoid(bottom[0]) - bottom[1].view(bottom[0].shape)
        return [difference.masked_fill(self._ignored, 0) * (top_diff[0] / self._divisor), None]
