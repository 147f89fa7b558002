"""SoftmaxWithLoss."""

import torch
from torch import Tensor

from fcn_repro.caffe.glog import log_creation
from fcn_repro.caffe.layers.loss.base_loss import LossLayer, locate_classes
from fcn_repro.caffe.synced_memory import Shape

_FLT_MIN = torch.finfo(torch.float32).tiny


class SoftmaxWithLoss(LossLayer):
    """Multinomial logistic loss of the softmax of scores.

    Shapes
        bottom[0]   scores, classes along softmax_param.axis (default 1): (N, C, H, W) in FCN
        bottom[1]   labels, one per position, in any shape: (N, 1, H, W) or (N, H, W)
        top[0]      () the loss: -sum of log(max(p[label], FLT_MIN)) / D
    Reads    softmax_param: axis; loss_param: ignore_label, normalization, normalize (deprecated)
             The divisor D depends on normalization: positions not ignored (VALID, the default), all positions (FULL),
             the product of dims before the axis (BATCH_SIZE), or 1 (NONE). FCN's `normalize: false` means BATCH_SIZE:
             with one image the loss is the sum over its pixels.
    Differs  torch's cross_entropy lacks the upper bound -log(FLT_MIN) = 87.34 per position; the gradient is equal
    Source   caffe 9b89154 softmax_loss_layer.cpp
    """

    def prepare(self, *bottom: Shape) -> None:
        log_creation(self.param.name)  # Caffe makes a Softmax layer of this name

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        shapes = super().top_shapes(*bottom)
        scores, labels = bottom
        self._axis, self._outer, self._inner = locate_classes(self, scores, labels, self.param.softmax_param.axis)
        return shapes

    def compute(self, *bottom: Tensor) -> Tensor:
        """Keep the probabilities for the gradient."""
        scores, labels = bottom
        self._probability = torch.softmax(scores, self._axis).view(self._outer, -1, self._inner)
        labels = labels.view(self._outer, self._inner)
        index, self._valid = self.class_indices(labels, self._probability.shape[1], self.ignore_label)
        self._index = index.masked_fill(~self._valid, 0).unsqueeze(1)
        likelihood = self._probability.gather(1, self._index).squeeze(1).clamp(min=_FLT_MIN)
        self._divisor = self.divisor(self._outer, self._inner, int(self._valid.sum()))
        return -likelihood.log().masked_fill(~self._valid, 0).sum() / self._divisor

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """(p - 1[label]) * dy / D, 0 at ignored positions."""
        self.refuse_gradient(wanted, 1, "labels")
        d_scores = self._probability.clone()
        d_scores.scatter_add_(1, self._index, torch.full_like(d_scores[:, :1], -1.0))
        d_scores.masked_fill_(~self._valid.unsqueeze(1), 0).mul_(top_diff[0] / self._divisor)
        return [d_scores.view(bottom[0].shape), None]
