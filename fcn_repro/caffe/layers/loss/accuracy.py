"""Accuracy."""

import torch
from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, between, exactly
from fcn_repro.caffe.layers.loss.base_loss import locate_classes
from fcn_repro.caffe.synced_memory import Shape


class Accuracy(Layer):
    """Share of positions whose true class is among the top_k scores.

    Shapes
        bottom[0]   scores, classes along `axis` (default 1); bottom[1] labels, one per position
        top[0]      () over all positions that are not ignored; 0 without any
        top[1]      (C) per true class; 0 for a class without positions
    Reads    accuracy_param: top_k, axis, ignore_label
    Source   caffe 9b89154 accuracy_layer.cpp: a class with the true class's score ranks before it
    """

    bottoms = exactly(2)
    tops = between(1, 2)

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        scores, labels = bottom
        param = self.param.accuracy_param
        self._axis, self._outer, self._inner = locate_classes(self, scores, labels, param.axis)
        if param.top_k > scores[self._axis]:
            raise self.error(f"got top_k {param.top_k} for {scores[self._axis]} classes")
        return [(), (scores[self._axis],)][: len(self.param.top)]

    def compute(self, *bottom: Tensor) -> tuple[Tensor, ...]:
        param = self.param.accuracy_param
        scores = bottom[0].view(self._outer, -1, self._inner)
        classes = scores.shape[1]
        label = bottom[1].view(self._outer, self._inner).long()
        valid = label != param.ignore_label if param.HasField("ignore_label") else label == label
        if ((label < 0) | (label >= classes))[valid].any():
            raise self.error(f"got a label outside 0 to {classes - 1} in bottom {self.param.bottom[1]!r}")
        true_score = scores.gather(1, label.masked_fill(~valid, 0).unsqueeze(1))
        hit = ((scores >= true_score).sum(1) - 1 < param.top_k) & valid
        accuracy = hit.sum().to(scores.dtype) / valid.sum().clamp(min=1)
        if len(self.param.top) == 1:
            return (accuracy,)
        positions = torch.bincount(label[valid], minlength=classes)
        hits = torch.bincount(label[hit], minlength=classes)
        return accuracy, hits.to(scores.dtype) / positions.clamp(min=1)
