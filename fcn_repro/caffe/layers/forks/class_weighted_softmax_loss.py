"""SoftmaxWithLoss with a weight for each class: SegNet's and DeepLab's."""

import math

import torch
from torch import Tensor

from fcn_repro.caffe.layers.loss.softmax_with_loss import SoftmaxWithLoss
from fcn_repro.caffe.synced_memory import Shape
from fcn_repro.system import untrusted_files

IGNORED = -1  # stands for all labels of DeepLab's ignore_label


class SegNetSoftmaxWithLoss(SoftmaxWithLoss):
    """Sum of w[label] * -log p[label] over the positions that are not ignored, divided by their number, not by weights.

    Shapes   as SoftmaxWithLoss
    Reads    loss_param: weight_by_label_freqs (true chooses this class), class_weighting (one factor per class),
             ignore_label, normalize (default true: by positions; false: by images); softmax_param: axis
    Source   alexgkendall/caffe-segnet 344c113 softmax_loss_layer.cpp; ENet's fork has the same
    """

    def prepare(self, *bottom: Shape) -> None:
        super().prepare(*bottom)
        self._class_weights = self.read_class_weights()
        classes = bottom[0][self.canonical_axis(self.param.softmax_param.axis, len(bottom[0]))]
        if len(self._class_weights) != classes:
            raise self.error(f"got {len(self._class_weights)} weights for {classes} classes; expected one each")

    def read_class_weights(self) -> list[float]:
        """One factor per class."""
        return list(self.param.loss_param.class_weighting)

    def weigh(self, weights: Tensor) -> None:
        """Set the divisor, given every position's weight, 0 where it is ignored."""

    def compute(self, *bottom: Tensor) -> Tensor:
        super().compute(*bottom)  # keeps the probabilities, the labels and the divisor
        table = torch.tensor(self._class_weights, dtype=bottom[0].dtype, device=bottom[0].device)
        self._weights = table[self._index].masked_fill(~self._valid.unsqueeze(1), 0)
        self.weigh(self._weights)
        likelihood = self._probability.gather(1, self._index).clamp(min=torch.finfo(torch.float32).tiny)
        return -(likelihood.log() * self._weights).sum() / self._divisor

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """w[label] * (p - 1[label]) * dy / D."""
        d_scores, _ = super().gradients(bottom, top, top_diff, wanted)
        assert d_scores is not None
        return [(d_scores.view(self._probability.shape) * self._weights).view(bottom[0].shape), None]


class DeepLabSoftmaxWithLoss(SegNetSoftmaxWithLoss):
    """Sum of w[label] * -log p[label] over the positions that are not ignored, divided by the sum of their weights.

    Shapes   as SoftmaxWithLoss
    Reads    softmaxloss_param (its presence chooses this class): weight_source, a text file of one weight of at least 0
             per class, by default all 1; ignore_label (several)
    Differs  labels get no gradient; the fork leaves the gradient of ignored positions as it was, here it is 0
    Source   open-cv/deeplab-v1 26b6af8 softmax_loss_layer.cpp
    """

    def prepare(self, *bottom: Shape) -> None:
        self._classes = bottom[0][1]
        super().prepare(*bottom)

    @property
    def ignore_label(self) -> int | None:
        """The label that `compute` gives to all ignored positions."""
        return IGNORED

    def read_class_weights(self) -> list[float]:
        param = self.param.softmaxloss_param
        if not param.HasField("weight_source"):
            return [1.0] * self._classes
        try:
            weights = [float(word) for word in untrusted_files.read_text(param.weight_source).split()]
        except (OSError, ValueError) as error:
            raise self.error(f"could not read the weights in {param.weight_source}: {error}") from error
        if not all(0 <= weight < math.inf for weight in weights):
            raise self.error(f"got the weights {weights} in {param.weight_source}; expected numbers of at least 0")
        return weights

    def weigh(self, weights: Tensor) -> None:
        self._divisor = float(weights.sum()) or 1.0

    def compute(self, *bottom: Tensor) -> Tensor:
        label = bottom[1]
        for ignored in self.param.softmaxloss_param.ignore_label:
            label = label.masked_fill(bottom[1].long() == ignored, IGNORED)
        return super().compute(bottom[0], label)
