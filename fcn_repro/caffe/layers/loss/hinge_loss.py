"""HingeLoss."""

import torch
from torch import Tensor

from fcn_repro.caffe.layers.loss.base_loss import LossLayer
from fcn_repro.caffe.proto import caffe_pb2


class HingeLoss(LossLayer):
    """One-against-all hinge loss.

    Shapes   bottom[0] scores (N, classes), more axes count as more classes; bottom[1] N labels
             top[0] () = sum of d / N, or of d^2 / N, with d = max(0, 1 - x) for the true class, max(0, 1 + x) otherwise
    Reads    hinge_loss_param: norm (L1 or L2)
    Source   caffe 9b89154 hinge_loss_layer.cpp
    """

    def compute(self, *bottom: Tensor) -> Tensor:
        scores = bottom[0].reshape(len(bottom[0]), -1)
        index, _ = self.class_indices(bottom[1].reshape(-1, 1), scores.shape[1])
        self._side = torch.ones_like(scores).scatter_(1, index, -1.0)
        self._excess = (1 + self._side * scores).clamp(min=0)
        is_l2 = self.param.hinge_loss_param.norm == caffe_pb2.HingeLossParameter.L2
        self._slope = 2 * self._excess if is_l2 else self._excess.sign()
        return (self._excess.square() if is_l2 else self._excess).sum() / len(scores)

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """d > 0: sign (L1) or 2d (L2); 0 elsewhere."""
        self.refuse_gradient(wanted, 1, "labels")
        d_scores = self._slope * self._side * (top_diff[0] / len(bottom[0]))
        return [d_scores.view(bottom[0].shape), None]
