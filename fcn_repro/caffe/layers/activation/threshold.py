"""Threshold."""

from torch import Tensor

from fcn_repro.caffe.layers.activation.neuron import NeuronLayer


class Threshold(NeuronLayer):
    """1 where x exceeds the threshold, 0 elsewhere.

    Shapes   bottom[0] any; top[0] the same; may be in place
    Reads    threshold_param: threshold
    Source   caffe 9b89154 threshold_layer.cpp; it has no backward pass
    """

    def compute(self, *bottom: Tensor) -> Tensor:
        return (bottom[0] > self.param.threshold_param.threshold).to(bottom[0].dtype)
