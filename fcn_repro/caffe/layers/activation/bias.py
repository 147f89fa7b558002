"""Bias."""

from torch import Tensor

from fcn_repro.caffe.layers.activation.broadcast_operand import BroadcastLayer
from fcn_repro.caffe.synced_memory import Shape


class Bias(BroadcastLayer):
    """bottom[0] plus one value per slice: trained, or bottom[1].

    Shapes
        bottom[0]   any
        bottom[1]   optional addend: consecutive dims of bottom[0] from `axis`
        top[0]      as bottom[0]; may be in place
        blobs       [0] addend: num_axes dims of bottom[0] from `axis` (-1: all that follow); absent with a bottom[1]
    Reads    bias_param: axis, num_axes, filler (constant 0)
    Source   caffe 9b89154 bias_layer.cpp
    """

    @property
    def axis_param(self):
        return self.param.bias_param

    def prepare(self, *bottom: Shape) -> None:
        if len(bottom) == 1:
            self.add_blob(self.operand_shape(*bottom), self.param.bias_param.filler)

    def compute(self, *bottom: Tensor) -> Tensor:
        """x + addend."""
        return bottom[0] + self.broadcast(self._addend(bottom))

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """dx = dy; d_addend = sum of dy over each slice."""
        (dy,), addend = top_diff, self._addend(bottom)
        if len(bottom) > 1:
            return [dy, self.sum_slices(dy, addend) if wanted[1] else None]
        if self.param_propagate_down[0]:
            self.accumulate(0, self.sum_slices(dy, addend))
        return [dy]

    def _addend(self, bottom: tuple[Tensor, ...]) -> Tensor:
        return bottom[1] if len(bottom) > 1 else self.blobs[0].tensor
