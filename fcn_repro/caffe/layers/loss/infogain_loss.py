"""InfogainLoss."""

import math

import torch
from torch import Tensor

from fcn_repro.caffe.glog import log_creation
from fcn_repro.caffe.layers.base import between
from fcn_repro.caffe.layers.loss.base_loss import LOG_THRESHOLD, LossLayer, locate_classes
from fcn_repro.caffe.proto.stored_blob import read_blob_file
from fcn_repro.caffe.synced_memory import Shape


class InfogainLoss(LossLayer):
    """Multinomial logistic loss of the softmax of scores, with a weight for each pair of classes.

    Shapes
        bottom[0]   scores, classes along infogain_loss_param.axis (default 1)
        bottom[1]   labels, one per position
        bottom[2]   the weights H[true class, class], unless infogain_loss_param.source names a file
        top[0]      () = -sum of H[label, l] * log(max(p[l], 1e-20)) / D
        top[1]      p, if there is a second top; it passes no gradient
    Reads    infogain_loss_param: source (a BlobProto), axis; loss_param: ignore_label, normalization (default VALID)
    Source   caffe 9b89154 infogain_loss_layer.cpp; equals SoftmaxWithLoss if H is the identity
    """

    bottoms = between(2, 3)
    tops = between(1, 2)

    def prepare(self, *bottom: Shape) -> None:
        """Read the weights from the file if there is no third bottom."""
        log_creation(self.param.name)  # Caffe makes a Softmax layer of this name
        if self.param.loss_param.HasField("normalize"):
            raise self.error("does not support loss_param.normalize. Fix: use normalization")
        self._weights = self._read_weights() if len(bottom) < 3 else None

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        """A scalar; there must be a weight for each pair of classes."""
        shapes = super().top_shapes(*bottom)
        scores, labels = bottom[:2]
        self._axis, self._outer, self._inner = locate_classes(self, scores, labels, self.param.infogain_loss_param.axis)
        classes = scores[self._axis]
        given = math.prod(bottom[2]) if self._weights is None else self._weights.numel()
        if given != classes**2:
            raise self.error(f"got {given} weights; expected {classes**2} for {classes} classes, one per pair")
        return [*shapes, scores][: max(1, len(self.param.top))]

    def compute(self, *bottom: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Keep probabilities and weights for the gradient."""
        scores, labels = bottom[:2]
        probability = torch.softmax(scores, self._axis).view(self._outer, -1, self._inner)
        classes = probability.shape[1]
        index, valid = self.class_indices(labels.view(self._outer, self._inner), classes, self.ignore_label)
        weights = (bottom[2] if self._weights is None else self._weights.to(scores)).reshape(classes, classes)
        index = index.masked_fill(~valid, 0)
        self._row = (weights[index] * valid.unsqueeze(-1)).movedim(-1, 1)  # (outer, classes, inner), 0 where ignored
        self._probability = probability
        self._divisor = self.divisor(self._outer, self._inner, int(valid.sum()))
        loss = -(self._row * probability.clamp(min=LOG_THRESHOLD).log()).sum() / self._divisor
        return (loss, probability.view(scores.shape).clone())[: max(1, len(self.param.top))]

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """(p * sum of H[label] - H[label]) / D, 0 at ignored positions."""
        self.refuse_gradient(wanted, 1, "labels")
        if len(bottom) > 2:
            self.refuse_gradient(wanted, 2, "weights")
        d_scores = self._probability * self._row.sum(1, keepdim=True) - self._row
        d_scores = (d_scores * (top_diff[0] / self._divisor)).view(bottom[0].shape)
        return [d_scores, *[None] * (len(bottom) - 1)]

    def _read_weights(self) -> Tensor:
        source = self.param.infogain_loss_param.source
        if not source:
            raise self.error("has no weights; expected a third bottom or infogain_loss_param.source")
        return torch.from_numpy(read_blob_file(source).data.copy())
