"""Eltwise."""

import torch
from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, at_least, exactly
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.synced_memory import Shape

_Param = caffe_pb2.EltwiseParameter


class Eltwise(Layer):
    """Element-wise weighted sum, product or maximum.

    Shapes   bottom[i] of equal shapes, at least two; top[0] the same
    Reads    eltwise_param: operation, coeff (SUM only), stable_prod_grad
    Source   caffe 9b89154 eltwise_layer.cpp. MAX: bottom 0 wins if it exceeds bottom 1, bottom i >= 2 if it exceeds the
             running maximum; the winner gets the whole gradient.
    """

    bottoms = at_least(2)
    tops = exactly(1)

    def prepare(self, *bottom: Shape) -> None:
        param = self.param.eltwise_param
        if len(param.coeff) not in (0, len(bottom)):
            raise self.error(
                f"has {len(param.coeff)} coeff values for {len(bottom)} bottoms; expected 0 or {len(bottom)}"
            )
        if param.coeff and param.operation == _Param.PROD:
            raise self.error("has operation PROD, which takes no coeff")
        if param.operation == _Param.SUM and self.is_in_place:
            raise self.error("cannot sum in place: Caffe clears the top, and so bottom 0, first")
        self._coeff = list(param.coeff) or [1.0] * len(bottom)

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        for shape in bottom:
            if shape != bottom[0]:
                raise self.error(f"has bottoms of shapes {list(bottom[0])} and {list(shape)}; they must be equal")
        return [bottom[0]]

    def compute(self, *bottom: Tensor) -> Tensor:
        operation = self.param.eltwise_param.operation
        if operation == _Param.SUM:
            total = bottom[0] * self._coeff[0]
            for x, coeff in zip(bottom[1:], self._coeff[1:], strict=True):
                total.add_(x, alpha=coeff)
            return total
        if operation == _Param.PROD:
            return torch.stack(bottom).prod(0)
        winner = (bottom[0] <= bottom[1]).long()
        top = torch.maximum(bottom[0], bottom[1])
        for index, x in enumerate(bottom[2:], start=2):
            winner = torch.where(x > top, index, winner)
            top = torch.maximum(top, x)
        self._winner = winner
        return top

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        (dy,) = top_diff
        return [self._gradient(i, bottom, top[0], dy) if want else None for i, want in enumerate(wanted)]

    def _gradient(self, index: int, bottom: tuple[Tensor, ...], top: Tensor, dy: Tensor) -> Tensor:
        param = self.param.eltwise_param
        if param.operation == _Param.SUM:
            return dy * self._coeff[index]
        if param.operation == _Param.MAX:
            return dy.masked_fill(self._winner != index, 0)
        if param.stable_prod_grad:
            return torch.stack(bottom[:index] + bottom[index + 1 :]).prod(0) * dy
        return top / bottom[index] * dy
