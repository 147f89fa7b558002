"""ELU."""

import torch
from torch import Tensor

from fcn_repro.caffe.layers.activation.neuron import NeuronLayer


class ELU(NeuronLayer):
    """x where x > 0, alpha * (exp(x) - 1) elsewhere.

    Shapes   bottom[0] any; top[0] the same; may be in place if alpha > 0
    Reads    elu_param: alpha
    Source   caffe 9b89154 elu_layer.cpp
    """

    def compute(self, *bottom: Tensor) -> Tensor:
        (x,) = bottom
        return x.clamp(min=0) + self.param.elu_param.alpha * (torch.exp(x.clamp(max=0)) - 1)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        """1 where x > 0, y + alpha elsewhere."""
        return (y + self.param.elu_param.alpha).masked_fill_(x > 0, 1)
