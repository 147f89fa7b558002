"""What Scale and Bias share: a blob of fewer axes that is spread over bottom[0]."""

from __future__ import annotations

from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, between, exactly
from fcn_repro.caffe.synced_memory import Shape


class SpreadLayer(Layer):
    """bottom[0] combined with an operand that covers some of its axes, learned (blobs[0]) or given (bottom[1]).

    Source   caffe 9b89154 scale_layer.cpp, bias_layer.cpp (LayerSetUp, Reshape)
    """

    bottoms = between(1, 2)
    tops = exactly(1)

    @property
    def spread_param(self):
        """The message with `axis` and `num_axes`."""
        raise NotImplementedError

    def operand_shape(self, whole: Shape, given: Shape | None = None) -> Shape:
        """The operand's dims: those given, or as many of bottom[0]'s as num_axes says (-1: all from `axis` on)."""
        if given is not None:
            return given
        axis, count = self.canonical_axis(self.spread_param.axis, len(whole)), self.spread_param.num_axes
        if count < -1 or axis + max(count, 0) > len(whole):
            raise self.error(f"has num_axes {count} from axis {axis} of a bottom of shape {list(whole)}")
        return whole[axis:] if count == -1 else whole[axis : axis + count]

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        """bottom[0]'s shape; an operand that does not fit it is refused."""
        operand = self.operand_shape(*bottom) if len(bottom) > 1 else self.blobs[0].dims
        whole = bottom[0]
        self.leading = whole[: self.canonical_axis(self.spread_param.axis, len(whole))] if operand else ()
        trailing = len(whole) - len(self.leading) - len(operand)
        if trailing < 0 or whole[len(self.leading) : len(whole) - trailing] != operand:
            raise self.error(
                f"cannot spread {list(operand)} over {list(whole)} from axis {len(self.leading)}: the dims differ"
            )
        self._spread = (1,) * len(self.leading) + operand + (1,) * trailing
        self._others = [*range(len(self.leading)), *range(len(whole) - trailing, len(whole))]
        return [whole]

    def spread(self, operand: Tensor) -> Tensor:
        """The operand, ready to combine with bottom[0]."""
        return operand.view(self._spread)

    def gathered(self, per_element: Tensor, operand: Tensor) -> Tensor:
        """The sum over the elements that each element of the operand was combined with."""
        return (per_element.sum(self._others) if self._others else per_element.clone()).view(operand.shape)
