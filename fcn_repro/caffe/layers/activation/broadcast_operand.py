"""Base class of Scale and Bias: an operand with fewer axes is broadcast over bottom[0]."""

from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, between, exactly
from fcn_repro.caffe.synced_memory import Shape


class BroadcastLayer(Layer):
    """bottom[0] combined with an operand over some of its axes: blobs[0], or bottom[1].

    Source   caffe 9b89154 scale_layer.cpp, bias_layer.cpp (LayerSetUp, Reshape)
    """

    bottoms = between(1, 2)
    tops = exactly(1)

    @property
    def axis_param(self):
        """The parameter message with `axis` and `num_axes`."""
        raise NotImplementedError

    def operand_shape(self, whole: Shape, given: Shape | None = None) -> Shape:
        """Get the operand's dims: bottom[1]'s, or num_axes dims of bottom[0] from `axis` (-1: all)."""
        if given is not None:
            return given
        axis, count = self.canonical_axis(self.axis_param.axis, len(whole)), self.axis_param.num_axes
        if count < -1 or axis + max(count, 0) > len(whole):
            raise self.error(f"has num_axes {count} from axis {axis} of a bottom of shape {list(whole)}")
        return whole[axis:] if count == -1 else whole[axis : axis + count]

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        """Check the operand against bottom[0] and return bottom[0]'s shape."""
        operand = self.operand_shape(*bottom) if len(bottom) > 1 else self.blobs[0].dims
        whole = bottom[0]
        self.leading = whole[: self.canonical_axis(self.axis_param.axis, len(whole))] if operand else ()
        trailing = len(whole) - len(self.leading) - len(operand)
        if trailing < 0 or whole[len(self.leading) : len(whole) - trailing] != operand:
            raise self.error(
                f"cannot broadcast {list(operand)} over {list(whole)} from axis {len(self.leading)}: the dims differ"
            )
        self._broadcast_dims = (1,) * len(self.leading) + operand + (1,) * trailing
        self._other_axes = [*range(len(self.leading)), *range(len(whole) - trailing, len(whole))]
        return [whole]

    def broadcast(self, operand: Tensor) -> Tensor:
        """View the operand with bottom[0]'s number of axes."""
        return operand.view(self._broadcast_dims)

    def sum_slices(self, per_element: Tensor, operand: Tensor) -> Tensor:
        """Sum over the elements that share an element of the operand."""
        return (per_element.sum(self._other_axes) if self._other_axes else per_element.clone()).view(operand.shape)
