"""Exp."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fcn_repro.caffe.layers.logarithm import natural_log_of_base
from fcn_repro.caffe.layers.neuron import NeuronLayer
from fcn_repro.caffe.synced_memory import Shape


class Exp(NeuronLayer):
    """base ^ (shift + scale * x).

    Shapes   bottom[0] any; top[0] the same; may be in place
    Reads    exp_param: base (-1 stands for e), scale, shift
    Source   caffe 9b89154 exp_layer.cpp
    """

    def prepare(self, *bottom: Shape) -> None:
        """Turn it into exp(inner * x) * outer."""
        param = self.param.exp_param
        log_base = natural_log_of_base(self, param.base)
        self._inner = log_base * param.scale
        self._outer = math.exp(log_base * param.shift)

    def compute(self, *bottom: Tensor) -> Tensor:
        """Raise."""
        return torch.exp(bottom[0] * self._inner) * self._outer

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        """ln(base) * scale * y."""
        return y * self._inner
