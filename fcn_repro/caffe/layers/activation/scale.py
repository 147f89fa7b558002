"""Scale."""

from __future__ import annotations

import math

from torch import Tensor

from fcn_repro.caffe.layers.activation.broadcast_operand import SpreadLayer
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.synced_memory import Shape


class Scale(SpreadLayer):
    """bottom[0] times a factor per slice, learned or given as bottom[1]; with bias_term, plus a learned bias.

    Shapes
        bottom[0]   any
        bottom[1]   optional factor: bottom[0]'s dims from `axis` on, as many as it has
        top[0]      as bottom[0]; may be in place
        blobs       the factor (bottom[0]'s dims from axis, num_axes of them; -1: all) unless bottom[1] gives it;
                    the bias
    Reads    scale_param: axis, num_axes, filler (constant 1), bias_term, bias_filler (constant 0)
    Differs  from other layers, in Caffe: the factor's gradient is overwritten, not added to, when the factor covers the
             whole bottom or all dims before `axis` are 1 and the factor is no scalar. Kept.
    Source   caffe 9b89154 scale_layer.cpp
    """

    @property
    def spread_param(self):
        """scale_param."""
        return self.param.scale_param

    def prepare(self, *bottom: Shape) -> None:
        """Make the blobs."""
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
        self._x = x.clone() if self.is_in_place else x  # the factor's gradient needs what is overwritten
        y = x * self.spread(self._factor(bottom))
        return y.add_(self.spread(self.blobs[-1].tensor)) if self.param.scale_param.bias_term else y

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """To x, to the factor (learned or given), to the bias."""
        (dy,), factor = top_diff, self._factor(bottom)
        if self.param.scale_param.bias_term and self.param_propagate_down[-1]:
            self.accumulate(len(self.blobs) - 1, self.gathered(dy, factor))
        dx = dy * self.spread(factor) if wanted[0] else None
        if len(bottom) > 1:
            return [dx, self.gathered(dy * self._x, factor) if wanted[1] else None]
        if self.param_propagate_down[0]:
            if self._overwrites(factor):
                self.blobs[0].clear_gradient()
            self.accumulate(0, self.gathered(dy * self._x, factor))
        return [dx]

    def _factor(self, bottom: tuple[Tensor, ...]) -> Tensor:
        return bottom[1] if len(bottom) > 1 else self.blobs[0].tensor

    def _overwrites(self, factor: Tensor) -> bool:
        return factor.numel() == self._x.numel() or (factor.numel() > 1 and math.prod(self.leading) == 1)
