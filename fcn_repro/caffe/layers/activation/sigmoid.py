"""Sigmoid."""

import torch
from torch import Tensor

from fcn_repro.caffe.layers.activation.neuron import NeuronLayer


class Sigmoid(NeuronLayer):
    """1 / (1 + exp(-x)).

    Shapes   bottom[0] any; top[0] the same; may be in place
    Source   caffe 9b89154 sigmoid_layer.cpp
    """

    def compute(self, *bottom: Tensor) -> Tensor:
        return torch.sigmoid(bottom[0])

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        """y * (1 - y)."""
        return y * (1 - y)
