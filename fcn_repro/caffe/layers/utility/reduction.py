"""Reduction."""

import math

from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.synced_memory import Shape

_Param = caffe_pb2.ReductionParameter


class Reduction(Layer):
    """Reduces all axes from `axis`: coeff times the sum, sum of magnitudes, sum of squares or mean.

    Shapes   bottom[0] any; top[0] the dims before `axis` (default 0: a scalar)
    Reads    reduction_param: operation (SUM, ASUM, SUMSQ, MEAN), axis, coeff
    Source   caffe 9b89154 reduction_layer.cpp
    """

    bottoms = tops = exactly(1)

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        (shape,), param = bottom, self.param.reduction_param
        self._leading = shape[: self.canonical_axis(param.axis, len(shape))]
        length = math.prod(shape[len(self._leading) :])
        self._coeff = param.coeff / length if param.operation == _Param.MEAN else param.coeff
        return [self._leading]

    def compute(self, *bottom: Tensor) -> Tensor:
        (x,), operation = bottom, self.param.reduction_param.operation
        terms = {_Param.ASUM: x.abs, _Param.SUMSQ: x.square}.get(operation, lambda: x)()
        return terms.reshape(*self._leading, -1).sum(-1) * self._coeff

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor]:
        """coeff * (1, sign(x), or 2x)."""
        (x,), operation = bottom, self.param.reduction_param.operation
        dy = (top_diff[0] * self._coeff).reshape(*self._leading, *[1] * (x.dim() - len(self._leading)))
        slopes = {_Param.ASUM: x.sign, _Param.SUMSQ: lambda: 2 * x}.get(operation, lambda: x.new_ones(x.shape))
        return [dy * slopes()]
