"""Reshape."""

import math
from collections.abc import Sequence

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.synced_memory import Shape

COPIED, INFERRED = 0, -1


class Reshape(Layer):
    """The same elements in the same order, with other dims.

    Shapes   bottom[0] any; top[0] has `num_axes` axes from `axis` replaced by `shape`; shares the memory
    Reads    reshape_param: shape.dim (0 copies the bottom's dim at the same place, one -1 is inferred),
             axis (-1: after the last axis), num_axes (-1: all that follow)
    Source   caffe 9b89154 reshape_layer.cpp
    """

    bottoms = tops = exactly(1)
    may_be_in_place = False

    def prepare(self, *bottom: Shape) -> None:
        """Check the shape."""
        dims = list(self.param.reshape_param.shape.dim)
        if dims.count(INFERRED) > 1 or min(dims, default=0) < INFERRED:
            raise self.error(f"got the shape {dims}; expected sizes, 0 (copied), and at most one -1 (inferred)")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Shape the top and share the bottom's data and diff."""
        super().reshape(bottom, top)
        top[0].share_data(bottom[0])
        top[0].share_diff(bottom[0])

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        """Copy dims, then infer the -1."""
        (shape,), param = bottom, self.param.reshape_param
        start = param.axis if param.axis >= 0 else len(shape) + 1 + param.axis
        end = len(shape) if param.num_axes == -1 else start + param.num_axes
        if not 0 <= start <= end <= len(shape):
            raise self.error(f"replaces axes {start} to {end} of a bottom of shape {list(shape)}")
        dims = [
            self._copy_dim(shape, start + place) if dim == COPIED else dim for place, dim in enumerate(param.shape.dim)
        ]
        if INFERRED in dims:
            known = -math.prod(dims) * math.prod(shape[:start]) * math.prod(shape[end:])
            if known == 0 or math.prod(shape) % known:
                raise self.error(f"cannot infer the -1 in {dims}: {list(shape)} is not divisible")
            dims[dims.index(INFERRED)] = math.prod(shape) // known
        result = (*shape[:start], *dims, *shape[end:])
        if math.prod(result) != math.prod(shape):
            raise self.error(f"cannot reshape {list(shape)} to {list(result)}: the numbers of elements differ")
        return [result]

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Do nothing: the memory is shared."""

    def backward(self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]) -> None:
        """Do nothing: the memory is shared."""

    def _copy_dim(self, shape: Shape, axis: int) -> int:
        if axis >= len(shape):
            raise self.error(f"copies dim {axis} of a bottom of shape {list(shape)}")
        return shape[axis]
