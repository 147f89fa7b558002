"""AbsVal."""

from torch import Tensor

from fcn_repro.caffe.layers.activation.neuron import NeuronLayer


class AbsVal(NeuronLayer):
    """|x|.

    Shapes   bottom[0] any; top[0] the same; never in place
    Source   caffe 9b89154 absval_layer.cpp: the gradient at 0 is 0
    """

    may_be_in_place = False

    def compute(self, *bottom: Tensor) -> Tensor:
        return bottom[0].abs()

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return x.sign()
