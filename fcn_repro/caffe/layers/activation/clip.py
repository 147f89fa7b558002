"""Clip."""

from torch import Tensor

from fcn_repro.caffe.layers.activation.neuron import NeuronLayer


class Clip(NeuronLayer):
    """x clamped to [`min`, `max`].

    Shapes   bottom[0] any; top[0] the same; in place every gradient passes, because y lies in the range
    Reads    clip_param: min, max (both required)
    Source   caffe 9b89154 clip_layer.cpp (in master, not in release 1.0)
    """

    def compute(self, *bottom: Tensor) -> Tensor:
        param = self.param.clip_param
        return bottom[0].clamp(param.min, param.max)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        """1 inside the range and on its ends, 0 outside."""
        param = self.param.clip_param
        return ((x >= param.min) & (x <= param.max)).to(x.dtype)
