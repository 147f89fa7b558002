"""Log."""

import torch
from torch import Tensor

from fcn_repro.caffe.layers.activation.logarithm import natural_log_of_base
from fcn_repro.caffe.layers.activation.neuron import NeuronLayer
from fcn_repro.caffe.synced_memory import Shape


class Log(NeuronLayer):
    """The logarithm to `base` of shift + scale * x.

    Shapes   bottom[0] any; top[0] the same; in place Caffe's gradient is wrong; this one is taken at y
    Reads    log_param: base (-1: e), scale, shift
    Source   caffe 9b89154 log_layer.cpp
    """

    def prepare(self, *bottom: Shape) -> None:
        self._log_base = natural_log_of_base(self, self.param.log_param.base)
        if not self._log_base:
            raise self.error("got base 1; expected a positive number other than 1, or -1 for e")

    def compute(self, *bottom: Tensor) -> Tensor:
        return torch.log(self._argument(bottom[0])) / self._log_base

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        """scale / (ln(base) * (shift + scale * x))."""
        return self.param.log_param.scale / self._log_base / self._argument(x)

    def _argument(self, x: Tensor) -> Tensor:
        return x * self.param.log_param.scale + self.param.log_param.shift
