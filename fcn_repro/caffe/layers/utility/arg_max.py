"""ArgMax."""

import math

import torch
from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.synced_memory import Shape


class ArgMax(Layer):
    """Indices of the top_k largest values, or the values, in descending order.

    Shapes
        bottom[0]   any
        top[0]      with `axis`: bottom[0]'s shape with top_k at the axis; indices, or values if out_max_val
                    without: (N, 1, top_k), or (N, 2, top_k) with indices before values, over all axes after 0; ones are
                    appended up to the bottom's number of axes
    Reads    argmax_param: axis, top_k, out_max_val
    Differs  the LARGER index of equal values comes first; numpy's and torch's argmax return the smaller
    Source   caffe 9b89154 argmax_layer.cpp; it has no backward pass
    """

    bottoms = tops = exactly(1)

    def prepare(self, *bottom: Shape) -> None:
        param = self.param.argmax_param
        self._axis = self.canonical_axis(param.axis, len(bottom[0])) if param.HasField("axis") else None
        choices = math.prod(bottom[0][1:]) if self._axis is None else bottom[0][self._axis]
        if not 1 <= param.top_k <= choices:
            raise self.error(f"got top_k {param.top_k} for {choices} values; expected 1 to {choices}")

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        (shape,), param = bottom, self.param.argmax_param
        if self._axis is not None:
            return [(*shape[: self._axis], param.top_k, *shape[self._axis + 1 :])]
        return [(shape[0], 2 if param.out_max_val else 1, param.top_k, *[1] * (len(shape) - 3))]

    def compute(self, *bottom: Tensor) -> Tensor:
        (x,), param = bottom, self.param.argmax_param
        if self._axis is not None:
            values, indices = _largest(x, self._axis, param.top_k)
            return values if param.out_max_val else indices
        values, indices = _largest(x.reshape(len(x), -1), 1, param.top_k)
        found = torch.stack([indices, values], 1) if param.out_max_val else indices
        return found.view(self.top_shapes(tuple(x.shape))[0])


def _largest(x: Tensor, axis: int, count: int) -> tuple[Tensor, Tensor]:
    """Return the largest values along an axis and their indices as floats; of equal values, the larger index first."""
    values, reversed_indices = x.flip(axis).sort(dim=axis, descending=True, stable=True)
    indices = x.shape[axis] - 1 - reversed_indices
    return values.narrow(axis, 0, count).contiguous(), indices.narrow(axis, 0, count).to(x.dtype)
