"""Scale."""

from __future__ import annotations

from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, between, exactly
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.synced_memory import Shape


class Scale(Layer):
    """bottom[0] times a factor per slice, learned or given as bottom[1]; with bias_term, plus a learned bias.

    Shapes
        bottom[0]   any
        bottom[1]   optional factor: bottom[0]'s dims from `axis` on, as many as it has
        top[0]      as bottom[0]; may be in place
        blobs       the factor (num_axes of bottom[0]'s dims from axis on; -1: all) unless it is bottom[1]; the bias
    Reads    scale_param: axis, num_axes, filler (constant 1), bias_term, bias_filler (constant 0)
    Differs  from other layers, in Caffe: the factor's gradient is overwritten, not added to, when the factor covers the
             whole bottom or all dims before `axis` are 1 and the factor is no scalar. Kept.
    Source   caffe 9b89154 scale_layer.cpp
    """

    bottoms = between(1, 2)
    tops = exactly(1)

    def prepare(self, *bottom: Shape) -> None:
        """Make the blobs."""
        param = self.param.scale_param
        self._factor_is_learned = len(bottom) == 1
        factor = self._factor_shape(*bottom)
        if self._factor_is_learned:
            filler = param.filler if param.HasField("filler") else caffe_pb2.FillerParameter(type="constant", value=1)
            self.add_blob(factor, filler)
        if param.bias_term:
            self.add_blob(factor, param.bias_filler)

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        """bottom[0]'s shape; a factor that does not fit it is refused."""
        factor = self._factor_shape(*bottom)
        axis = self._axis(bottom[0], factor)
        if bottom[0][axis : axis + len(factor)] != factor:
            raise self.error(f"cannot spread a factor of shape {list(factor)} over {list(bottom[0])} from axis {axis}")
        self._spread = (1,) * axis + factor + (1,) * (len(bottom[0]) - axis - len(factor))
        return [bottom[0]]

    def compute(self, *bottom: Tensor) -> Tensor:
        """x * factor + bias."""
        x = bottom[0]
        self._x = x  # in place, the bottom is gone when the factor's gradient needs it
        y = x * self._factor(bottom).view(self._spread)
        if self.param.scale_param.bias_term:
            y += self.blobs[-1].tensor.view(self._spread)
        return y

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """To x, to the factor (learned or given), to the bias."""
        (dy,) = top_diff
        factor = self._factor(bottom)
        if self.param.scale_param.bias_term and self.param_propagate_down[-1]:
            self.accumulate(len(self.blobs) - 1, self._summed(dy, factor))
        found: list[Tensor | None] = [dy * factor.view(self._spread) if wanted[0] else None]
        if self._factor_is_learned:
            if self.param_propagate_down[0]:
                if self._overwrites(factor):
                    self.blobs[0].clear_gradient()
                self.accumulate(0, self._summed(dy * self._x, factor))
            return found
        return [*found, self._summed(dy * self._x, factor) if wanted[1] else None]

    def _factor_shape(self, whole: Shape, given: Shape | None = None) -> Shape:
        param = self.param.scale_param
        if given is not None:
            return given
        axis = self.canonical_axis(param.axis, len(whole))
        if param.num_axes < -1 or axis + max(param.num_axes, 0) > len(whole):
            raise self.error(f"has num_axes {param.num_axes} from axis {axis} of a bottom of shape {list(whole)}")
        return whole[axis:] if param.num_axes == -1 else whole[axis : axis + param.num_axes]

    def _axis(self, whole: Shape, factor: Shape) -> int:
        return self.canonical_axis(self.param.scale_param.axis, len(whole)) if factor else 0

    def _factor(self, bottom: tuple[Tensor, ...]) -> Tensor:
        return self.blobs[0].tensor if self._factor_is_learned else bottom[1]

    def _summed(self, per_element: Tensor, factor: Tensor) -> Tensor:
        others = [axis for axis, size in enumerate(self._spread) if size == 1]
        return (per_element.sum(others) if others else per_element).reshape(factor.shape)

    def _overwrites(self, factor: Tensor) -> bool:
        if factor.numel() == self._x.numel():
            return True
        axis = self._axis(tuple(self._x.shape), tuple(factor.shape))
        return factor.numel() > 1 and self._x.shape[:axis].numel() == 1
