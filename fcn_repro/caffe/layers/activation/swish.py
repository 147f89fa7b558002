"""Swish."""

import torch
from torch import Tensor

from fcn_repro.caffe.layers.activation.neuron import NeuronLayer


class Swish(NeuronLayer):
    """x * sigmoid(beta * x).

    Shapes   bottom[0] any; top[0] the same; may be in place
    Reads    swish_param: beta
    Source   caffe 9b89154 swish_layer.cpp (in master, not in release 1.0)
    """

    def compute(self, *bottom: Tensor) -> Tensor:
        """Keep the sigmoid for the gradient."""
        (x,) = bottom
        self._gate = torch.sigmoid(self.param.swish_param.beta * x)
        return x * self._gate

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        """beta * y + gate * (1 - beta * y)."""
        beta_y = self.param.swish_param.beta * y
        return beta_y + self._gate * (1 - beta_y)
