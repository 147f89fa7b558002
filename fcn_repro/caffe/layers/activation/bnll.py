"""BNLL."""

import torch
from torch import Tensor

from fcn_repro.caffe.layers.activation.neuron import NeuronLayer

_LARGEST_EXPONENT = 50.0  # beyond it the derivative is 1 in float32


class BNLL(NeuronLayer):
    """log(1 + exp(x)), the binomial normal log likelihood.

    Shapes   bottom[0] any; top[0] the same; in place the derivative is taken at y instead of x, as in Caffe
    Source   caffe 9b89154 bnll_layer.cpp
    """

    def compute(self, *bottom: Tensor) -> Tensor:
        """max(x, 0) + log(1 + exp(-|x|)), which cannot overflow."""
        (x,) = bottom
        return x.clamp(min=0) + torch.log(1 + torch.exp(-x.abs()))

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        e = torch.exp(x.clamp(max=_LARGEST_EXPONENT))
        return e / (e + 1)
