"""TanH."""

import torch
from torch import Tensor

from fcn_repro.caffe.layers.activation.neuron import NeuronLayer


class TanH(NeuronLayer):
    """The hyperbolic tangent.

    Shapes   bottom[0] any; top[0] the same; may be in place
    Source   caffe 9b89154 tanh_layer.cpp
    """

    def compute(self, *bottom: Tensor) -> Tensor:
        return torch.tanh(bottom[0])

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        """1 - y^2."""
        return 1 - y * y
