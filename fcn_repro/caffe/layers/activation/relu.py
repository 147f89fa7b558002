"""ReLU."""

import torch
from torch import Tensor

from fcn_repro.caffe.layers.activation.neuron import NeuronLayer


class ReLU(NeuronLayer):
    """max(x, 0) + negative_slope * min(x, 0).

    Shapes   bottom[0] any; top[0] the same; may be in place
    Reads    relu_param: negative_slope
    Source   caffe 9b89154 relu_layer.cpp: the gradient is the slope where x <= 0
    """

    any_order = True

    def compute(self, *bottom: Tensor) -> Tensor:
        (x,) = bottom
        slope = self.param.relu_param.negative_slope
        return x.clamp(min=0) + slope * x.clamp(max=0) if slope else x.clamp(min=0)

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """dy where x > 0, negative_slope * dy elsewhere."""
        (x,), (dy,) = bottom, top_diff
        slope = self.param.relu_param.negative_slope
        passes = dy.masked_fill(x <= 0, 0)
        return [passes + slope * dy.masked_fill(x > 0, 0) if slope else passes]

    def forward_inplace(self, x: Tensor) -> bool:
        """One pass, without a second feature map."""
        if self.param.relu_param.negative_slope:
            return False
        x.clamp_(min=0)
        return True

    def backward_inplace(self, dy: Tensor, y: Tensor) -> bool:
        """One pass; y > 0 where x > 0."""
        if self.param.relu_param.negative_slope:
            return False
        torch.ops.aten.threshold_backward.grad_input(dy, y, 0, grad_input=dy)
        return True
