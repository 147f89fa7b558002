"""Exp."""

import torch
from torch import Tensor

from fcn_repro.caffe.layers.activation.logarithm import natural_log_of_base
from fcn_repro.caffe.layers.activation.neuron import NeuronLayer
from fcn_repro.caffe.synced_memory import Shape


class Exp(NeuronLayer):
    """base ^ (shift + scale * x).

    Shapes   bottom[0] any; top[0] the same; may be in place
    Reads    exp_param: base (-1: e), scale, shift
    Source   caffe 9b89154 exp_layer.cpp
    """

    def prepare(self, *bottom: Shape) -> None:
        self._log_base = natural_log_of_base(self, self.param.exp_param.base)

    def compute(self, *bottom: Tensor) -> Tensor:
        param = self.param.exp_param
        return torch.exp((bottom[0] * param.scale + param.shift) * self._log_base)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        """ln(base) * scale * y."""
        return y * (self._log_base * self.param.exp_param.scale)
