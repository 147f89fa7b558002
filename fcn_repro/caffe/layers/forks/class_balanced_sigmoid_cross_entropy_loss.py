"""ClassBalancedSigmoidCrossEntropyLoss: what HED, RCF and DeepSkeleton call SigmoidCrossEntropyLoss."""

import torch
import torch.nn.functional as F
from torch import Tensor

from fcn_repro.caffe.layers.loss.sigmoid_cross_entropy_loss import SigmoidCrossEntropyLoss


class ClassBalancedSigmoidCrossEntropyLoss(SigmoidCrossEntropyLoss):
    """Cross entropy of edges and background, each weighted in every image by the share of the other.

    With P positive and M negative cells of an image, a positive cell has the weight M / (P + M), a negative one
    negative_weight * P / (P + M). The loss is the weighted sum of -t log p - (1 - t) log(1 - p), divided by N.

    Shapes   as SigmoidCrossEntropyLoss; bottom[1] 1: positive, 0: negative, other targets have no loss
    Reads    balanced_loss_param: negative_weight, nonzero_is_positive, others_have_gradient
             HED: others_have_gradient true, so that cells with other targets have the gradient (p - t) / N, though no
             loss. RCF: negative_weight 1.1. DeepSkeleton: nonzero_is_positive, every target but 0 is positive.
    Differs  an image whose cells have no loss gives 0; in the forks NaN
    Source   s9xie/hed 912632b, yun-liu/rcf ce460ff, zeakey/DeepSkeleton dc70170: sigmoid_cross_entropy_loss_layer.cpp
    """

    def compute(self, *bottom: Tensor) -> Tensor:
        x, t = bottom[0], bottom[1].view(bottom[0].shape)
        param = self.param.balanced_loss_param
        positive = t != 0 if param.nonzero_is_positive else t == 1
        negative = t == 0
        pixels = tuple(range(1, x.dim()))
        count = [mask.sum(pixels, keepdim=True).to(x.dtype) for mask in (positive, negative)]
        total = (count[0] + count[1]).clamp(min=1)
        self._target = positive.to(x.dtype) if param.nonzero_is_positive else t
        self._weight = (positive * count[1] + negative * count[0] * param.negative_weight) / total
        self._others = ~(positive | negative) if param.others_have_gradient else None
        losses = F.binary_cross_entropy_with_logits(x, positive.to(x.dtype), reduction="none")
        return (losses * self._weight).sum() / len(x)

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """weight * (sigmoid(x) - t) * dy / N."""
        self.refuse_gradient(wanted, 1, "labels")
        weight = self._weight if self._others is None else self._weight.masked_fill(self._others, 1)
        difference = torch.sigmoid(bottom[0]) - self._target
        return [difference * weight * (top_diff[0] / len(bottom[0])), None]
