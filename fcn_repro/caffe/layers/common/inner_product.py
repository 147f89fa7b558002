"""InnerProduct."""

import math

from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.synced_memory import Shape


class InnerProduct(Layer):
    """A fully connected layer.

    Shapes
        bottom[0]   leading dims before `axis`; the rest is flattened to K
        top[0]      the leading dims, then num_output
        blobs       [0] (num_output, K), or (K, num_output) if transpose   [1] (num_output)
    Reads    inner_product_param: num_output, bias_term, axis, transpose, fillers (default: constant 0)
    Source   caffe 9b89154 inner_product_layer.cpp
    """

    bottoms = tops = exactly(1)

    def prepare(self, *bottom: Shape) -> None:
        param = self.param.inner_product_param
        if param.num_output < 1:
            raise self.error("has no num_output; expected at least 1")
        self._axis = self.canonical_axis(param.axis, len(bottom[0]))
        self._inputs = math.prod(bottom[0][self._axis :])
        matrix = (param.num_output, self._inputs)
        self.add_blob(matrix[::-1] if param.transpose else matrix, param.weight_filler)
        if param.bias_term:
            self.add_blob((param.num_output,), param.bias_filler)

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        if math.prod(bottom[0][self._axis :]) != self._inputs:
            raise self.error(f"was set up for {self._inputs} inputs and got a bottom of shape {list(bottom[0])}")
        return [(*bottom[0][: self._axis], self.param.inner_product_param.num_output)]

    def compute(self, *bottom: Tensor) -> Tensor:
        """x W^T + b."""
        x = self._rows(bottom[0])
        y = x @ self._weight().t()
        if len(self.blobs) > 1:
            y = y.add_(self.blobs[1].tensor)
        return y.view(*bottom[0].shape[: self._axis], -1)

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """dW += dy^T x, db += sum of dy; dx = dy W."""
        x = self._rows(bottom[0])
        dy = top_diff[0].reshape(len(x), -1)
        if self.param_propagate_down[0]:
            self.accumulate(0, x.t() @ dy if self.param.inner_product_param.transpose else dy.t() @ x)
        if len(self.blobs) > 1 and self.param_propagate_down[1]:
            self.accumulate(1, dy.sum(0))
        return [(dy @ self._weight()).view(bottom[0].shape) if wanted[0] else None]

    def _rows(self, x: Tensor) -> Tensor:
        return x.reshape(-1, self._inputs)

    def _weight(self) -> Tensor:
        weight = self.blobs[0].tensor
        return weight.t() if self.param.inner_product_param.transpose else weight
