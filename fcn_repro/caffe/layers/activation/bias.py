"""Bias."""

from __future__ import annotations

from torch import Tensor

from fcn_repro.caffe.layers.activation.broadcast_operand import SpreadLayer
from fcn_repro.caffe.synced_memory import Shape


class Bias(SpreadLayer):
    """bottom[0] plus a number per slice, learned or given as bottom[1].

    Shapes
        bottom[0]   any
        bottom[1]   optional addend: bottom[0]'s dims from `axis` on, as many as it has
        top[0]      as bottom[0]; may be in place
        blobs       the addend (bottom[0]'s dims from axis, num_axes of them; -1: all) unless bottom[1] gives it
    Reads    bias_param: axis, num_axes, filler (constant 0)
    Source   caffe 9b89154 bias_layer.cpp
    """

    @property
    def spread_param(self):
        """bias_param."""
        return self.param.bias_param

    def prepare(self, *bottom: Shape) -> None:
        """Make the blob."""
        if len(bottom) == 1:
            self.add_blob(self.operand_shape(*bottom), self.param.bias_param.filler)

    def compute(self, *bottom: Tensor) -> Tensor:
        """x + addend."""
        return bottom[0] + self.spread(self._addend(bottom))

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """dy to x, its sums to the addend."""
        (dy,), addend = top_diff, self._addend(bottom)
        if len(bottom) > 1:
            return [dy, self.gathered(dy, addend) if wanted[1] else None]
        if self.param_propagate_down[0]:
            self.accumulate(0, self.gathered(dy, addend))
        return [dy]

    def _addend(self, bottom: tuple[Tensor, ...]) -> Tensor:
        return bottom[1] if len(bottom) > 1 else self.blobs[0].tensor
