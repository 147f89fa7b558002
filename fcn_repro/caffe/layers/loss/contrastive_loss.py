"""ContrastiveLoss."""

import torch
from torch import Tensor

from fcn_repro.caffe.layers.base import exactly
from fcn_repro.caffe.layers.loss.base_loss import LossLayer
from fcn_repro.caffe.synced_memory import Shape

_EPSILON = 1e-4  # added to a distance before dividing by it


class ContrastiveLoss(LossLayer):
    """Pulls similar pairs together and pushes others apart up to a margin.

    Shapes
        bottom[0], bottom[1]   features (N, C)
        bottom[2]              N values, truncated to integers; not 0 for a similar pair
        top[0]                 () = sum / 2N of d^2 of similar pairs and max(margin - d, 0)^2 of others
    Reads    contrastive_loss_param: margin, legacy_version (max(margin - d^2, 0) of others)
    Source   caffe 9b89154 contrastive_loss_layer.cpp
    """

    bottoms = exactly(3)

    def allow_force_backward(self, bottom_index: int) -> bool:
        """The similarities get no gradient."""
        return bottom_index != 2

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        """A scalar; features must be (N, C), with one similarity per pair."""
        shapes = super().top_shapes(*bottom)
        first, second, similar = bottom
        if first[1:2] != second[1:2] or set(first[2:] + second[2:]) - {1}:
            raise self.error(f"compares features of shapes {list(first)} and {list(second)}; expected two (N, C)")
        if set(similar[1:]) - {1}:
            raise self.error(f"needs one similarity per pair, not {list(similar)}")
        return shapes

    def compute(self, *bottom: Tensor) -> Tensor:
        """Keep the factor of the difference in the gradient."""
        param = self.param.contrastive_loss_param
        pairs = len(bottom[0])
        self._difference = (bottom[0] - bottom[1].view(bottom[0].shape)).view(pairs, -1)
        similar = bottom[2].view(pairs).long() != 0
        squared = self._difference.square().sum(1)
        if param.legacy_version:
            short = param.margin - squared
            apart, push = short.clamp(min=0), torch.ones_like(short)
        else:
            distance = squared.sqrt()
            short = param.margin - distance
            apart, push = short.clamp(min=0).square(), short / (distance + _EPSILON)
        self._pull = torch.where(similar, torch.ones_like(push), -push.masked_fill(short <= 0, 0))
        return torch.where(similar, squared, apart).sum() / (2 * pairs)

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """The factor times the difference for the first features, its negative for the second."""
        self.refuse_gradient(wanted, 2, "similarities")
        d_first = self._difference * self._pull.unsqueeze(1) * (top_diff[0] / len(bottom[0]))
        return [d_first.view(bottom[0].shape), -d_first.view(bottom[1].shape), None]
