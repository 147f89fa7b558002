"""Dropout."""

from torch import Tensor

from fcn_repro.caffe.layers.activation.neuron import NeuronLayer
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.random import rng
from fcn_repro.caffe.synced_memory import Shape


class Dropout(NeuronLayer):
    """In TRAIN each element is 0 with probability r and scaled by 1/(1-r) otherwise; in TEST, a copy.

    Shapes   bottom[0] any; top[0] the same; may be in place
    Reads    dropout_param: dropout_ratio; the layer's phase
    Differs  torch's Dropout2d, used by some ports, drops whole channels; this drops elements of feature maps too.
             On a GPU the mask comes from torch's generator, because Caffe's cuRAND stream is not available.
    Source   caffe 9b89154 dropout_layer.cpp; one mask per forward, reused by the next backward
    """

    def prepare(self, *bottom: Shape) -> None:
        ratio = self.param.dropout_param.dropout_ratio
        if self.phase == caffe_pb2.TRAIN and not 0 <= ratio <= 1:
            raise self.error(f"got dropout_ratio {ratio}; expected a number from 0 to 1 (at 1, Caffe's tops are NaN)")
        self._keep = 1 - ratio

    def compute(self, *bottom: Tensor) -> Tensor:
        (x,) = bottom
        if self.phase == caffe_pb2.TEST:
            return x
        return x * self._draw_mask(x)

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """dy times the mask and scale of the last forward."""
        (dy,) = top_diff
        return [dy if self.phase == caffe_pb2.TEST else dy * self._multiplier]

    def forward_inplace(self, x: Tensor) -> bool:
        if self.phase != caffe_pb2.TEST:
            x.mul_(self._draw_mask(x))
        return True

    def backward_inplace(self, dy: Tensor, y: Tensor) -> bool:
        if self.phase != caffe_pb2.TEST:
            dy.mul_(self._multiplier)
        return True

    def _draw_mask(self, x: Tensor) -> Tensor:
        self._multiplier = rng.bernoulli(tuple(x.shape), self._keep, x.device).to(x.dtype).div_(self._keep)
        return self._multiplier
