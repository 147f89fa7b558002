"""Scale."""

import math

from torch import Tensor

from fcn_repro.caffe.layers.activation.broadcast_operand import BroadcastLayer
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.synced_memory import Shape


class Scale(BroadcastLayer):
    """bottom[0] times one factor per slice: trained, or bottom[1]. With bias_term, plus a trained bias.

    Shapes
        bottom[0]   any
        bottom[1]   optional factor: consecutive dims of bottom[0] from `axis`
        top[0]      as bottom[0]; may be in place
        blobs       [0] factor: num_axes dims of bottom[0] from `axis` (-1: all that follow); absent with a bottom[1]
                    [-1] bias, if bias_term
    Reads    scale_param: axis, num_axes, filler (constant 1), bias_term, bias_filler (constant 0)
    Differs  from other layers, as in Caffe: the factor's gradient is overwritten, not added to, if the factor covers
             the whole bottom, or if all dims before `axis` are 1 and the factor is not a scalar.
    Source   caffe 9b89154 scale_layer.cpp
    """

    @property
    def axis_param(self):
        return self.param.scale_param

    def prepare(self, *bottom: Shape) -> None:
        param = self.param.scale_param
        factor = self.operand_shape(*bottom)
        if len(bottom) == 1:
            one = caffe_pb2.FillerParameter(type="constant", value=1)
            self.add_blob(factor, param.filler if param.HasField("filler") else one)
        if param.bias_term:
            self.add_blob(factor, param.bias_filler)

    def compute(self, *bottom: Tensor) -> Tensor:
        """x * factor + bias."""
        x = bottom[0]
        self._x = x.clone() if self.is_in_place else x  # the factor's gradient needs x, which is overwritten
        y = x * self.broadcast(self._factor(bottom))
        return y.add_(self.broadcast(self.blobs[-1].tensor)) if self.param.scale_param.bias_term else y

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """dx = dy * factor; d_factor = sum of dy * x, d_bias = sum of dy over each slice."""
        (dy,), factor = top_diff, self._factor(bottom)
        if self.param.scale_param.bias_term and self.param_propagate_down[-1]:
            self.accumulate(len(self.blobs) - 1, self.sum_slices(dy, factor))
        dx = dy * self.broadcast(factor) if wanted[0] else None
        if len(bottom) > 1:
            return [dx, self.sum_slices(dy * self._x, factor) if wanted[1] else None]
        if self.param_propagate_down[0]:
            if self._overwrites_gradient(factor):
                self.blobs[0].clear_gradient()
            self.accumulate(0, self.sum_slices(dy * self._x, factor))
        return [dx]

    def _factor(self, bottom: tuple[Tensor, ...]) -> Tensor:
        return bottom[1] if len(bottom) > 1 else self.blobs[0].tensor

    def _overwrites_gradient(self, factor: Tensor) -> bool:
        return factor.numel() == self._x.numel() or (factor.numel() > 1 and math.prod(self.leading) == 1)
