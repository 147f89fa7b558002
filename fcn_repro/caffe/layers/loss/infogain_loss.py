"""InfogainLoss."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fcn_repro.caffe.layers.base import between
from fcn_repro.caffe.layers.loss.base_loss import LOG_THRESHOLD, LossLayer
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.proto.stored_blob import read_blob_file
from fcn_repro.caffe.synced_memory import Shape


class InfogainLoss(LossLayer):
    """Multinomial logistic loss of the softmax of scores in which every pair of classes has a weight of its own.

    Shapes
        bottom[0]   scores, classes along infogain_loss_param.axis (default 1)
        bottom[1]   labels, one per position
        bottom[2]   the weights H[true class, class], unless infogain_loss_param.source names a file
        top[0]      () = -sum of H[label, l] * log(max(p[l], 1e-20)) / D
    Reads    infogain_loss_param: source (a BlobProto), axis; loss_param: ignore_label, normalization (default VALID)
    Source   caffe 9b89154 infogain_loss_layer.cpp; with H the identity it is SoftmaxWithLoss
    """

    bottoms = between(2, 3)

    def prepare(self, *bottom: Shape) -> None:
        """Read the weights if a file has them."""
        if self.param.loss_param.HasField("normalize"):
            raise self.error("does not know loss_param.normalize; use normalization")
        self._weights = self._from_file() if len(bottom) < 3 else None

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        """A scalar; as many labels as positions, and a weight for every pair of classes."""
        shapes = super().top_shapes(*bottom)
        scores, labels = bottom[:2]
        self._axis = self.canonical_axis(self.param.infogain_loss_param.axis, len(scores))
        self._outer, self._inner = math.prod(scores[: self._axis]), math.prod(scores[self._axis + 1 :])
        if math.prod(labels) != self._outer * self._inner:
            raise self.error(f"has scores of shape {list(scores)} and labels of shape {list(labels)}")
        classes = scores[self._axis]
        given = math.prod(bottom[2]) if self._weights is None else self._weights.numel()
        if given != classes**2:
            raise self.error(f"has {given} weights; {classes} classes need {classes**2}, one for every pair")
        return shapes

    def compute(self, *bottom: Tensor) -> Tensor:
        """The loss; probabilities and weights are kept for the gradient."""
        scores, labels = bottom[:2]
        probability = torch.softmax(scores, self._axis).view(self._outer, -1, self._inner)
        classes = probability.shape[1]
        index, valid = self.class_indices(labels.view(self._outer, self._inner), classes, self.ignore_label)
        weights = (bottom[2] if self._weights is None else self._weights.to(scores)).reshape(classes, classes)
        index = index.masked_fill(~valid, 0)
        self._row = (weights[index] * valid.unsqueeze(-1)).movedim(-1, 1)  # (outer, classes, inner), 0 where ignored
        self._probability = probability
        mode = self.normalization(default=caffe_pb2.LossParameter.VALID)
        self._divisor = self.divisor(mode, self._outer, self._inner, int(valid.sum()))
        return -(self._row * probability.clamp(min=LOG_THRESHOLD).log()).sum() / self._divisor

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """(p * sum of H[label] - H[label]) / D, zero at ignored positions."""
        self.refuse_label_gradient(wanted)
        if any(wanted[2:]):
            raise self.error(f"cannot pass a gradient to its weights, bottom {self.param.bottom[2]!r}")
        d_scores = self._probability * self._row.sum(1, keepdim=True) - self._row
        d_scores = (d_scores * (top_diff[0] / self._divisor)).view(bottom[0].shape)
        return [d_scores, *[None] * (len(bottom) - 1)]

    def _from_file(self) -> Tensor:
        source = self.param.infogain_loss_param.source
        if not source:
            raise self.error("has neither a third bottom nor infogain_loss_param.source to take its weights from")
        return torch.from_numpy(read_blob_file(source).data.copy())
