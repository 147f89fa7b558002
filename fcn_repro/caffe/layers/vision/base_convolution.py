"""Base class of Convolution and Deconvolution: filters, bias and torch's convolution operator."""

import torch
from torch import Tensor

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.kernels.channels_last import memory_format_of
from fcn_repro.caffe.kernels.im2col_gemm import Gradients, LazyWeightGradient
from fcn_repro.caffe.layers.base import Layer, at_least
from fcn_repro.caffe.precision import product_dtype
from fcn_repro.caffe.synced_memory import Shape
from fcn_repro.layer_params.conv_window import ConvWindow, read_window


class BaseConvolution(Layer):
    """The same filters applied to every bottom, one top per bottom.

    Source   caffe 9b89154 base_conv_layer.cpp
    """

    bottoms = tops = at_least(1)
    equal_counts = True
    may_be_in_place = False
    copies = 1  # oneDNN computes in its own memory layout
    transposed = False

    def prepare(self, *bottom: Shape) -> None:
        """Check the parameters and create the blobs: [0] filters, [1] bias if bias_term."""
        param = self.param.convolution_param
        self.axis = self.canonical_axis(param.axis, len(bottom[0]))
        self.window: ConvWindow = read_window(self.param, len(bottom[0]) - self.axis - 1, fault=CaffeError)
        self.group = param.group
        self.channels = bottom[0][self.axis]
        self.num_output = param.num_output
        if self.num_output < 1:
            raise self.error("has no num_output; expected at least 1")
        if self.group < 1 or self.channels % self.group or self.num_output % self.group:
            raise self.error(
                f"got group {self.group}; expected a divisor of its {self.channels} bottom channels "
                f"and of its num_output {self.num_output}"
            )
        self.add_blob((*self.filter_channels(), *self.window.kernel), param.weight_filler)
        if param.bias_term:
            self.add_blob((self.num_output,), param.bias_filler)

    def filter_channels(self) -> Shape:
        """The first two dims of the filter blob."""
        raise NotImplementedError

    def spatial_shape(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """The top's spatial dims, given the bottom's."""
        raise NotImplementedError

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        """One shape per bottom; all bottoms must have equal shapes."""
        for shape in bottom:
            if shape != bottom[0]:
                raise self.error(f"has bottoms of shapes {list(bottom[0])} and {list(shape)}; they must be equal")
        if len(bottom[0]) - self.axis - 1 != len(self.window.kernel):
            raise self.error(f"was set up for {len(self.window.kernel)} spatial axes and got {list(bottom[0])}")
        if bottom[0][self.axis] != self.channels:
            raise self.error(f"was set up for {self.channels} channels and got {bottom[0][self.axis]}")
        size = self.spatial_shape(bottom[0][self.axis + 1 :])
        if any(n < 1 for n in size):
            raise self.error(f"would make a top of size {list(size)} from a bottom of shape {list(bottom[0])}")
        return [(*bottom[0][: self.axis], self.num_output, *size)] * len(bottom)

    def compute(self, *bottom: Tensor) -> tuple[Tensor, ...]:
        return tuple(self._convolve(x) for x in bottom)

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """Sum filter and bias gradients over the bottoms."""
        has_bias = len(self.blobs) > 1
        trained = (self.param_propagate_down[0], has_bias and self.param_propagate_down[1])
        weight, group = (self.blobs[0].tensor, self.group) if trained[0] else self.filters()
        found: list[Tensor | None] = []
        for x, dy, want in zip(bottom, top_diff, wanted, strict=True):
            if not (want or any(trained)):
                found.append(None)
                continue
            batch = self._batched(x)
            dx, d_weight, d_bias = self._batch_gradients(batch, self._batched(dy), weight, group, [want, *trained])
            for index, (gradient, is_trained) in enumerate(zip((d_weight, d_bias), trained, strict=True)):
                if isinstance(gradient, LazyWeightGradient):
                    self.blobs[index].accumulate_lazy_gradient(gradient)
                elif is_trained and gradient is not None:
                    self.accumulate(index, gradient.to(x.dtype))
            if dx is not None:
                dx = dx.to(x.dtype, memory_format=memory_format_of(batch))
                dx = dx if self.axis == 1 else dx.view(x.shape)  # view() drops the batch stride if N is 1
            found.append(dx)
        return found

    def _convolve(self, x: Tensor) -> Tensor:
        weight, group = self.filters()
        bias = self.blobs[1].tensor if len(self.blobs) > 1 else None
        if not self.window.kernel:
            return self._pointwise(self._batched(x), weight, bias).view(*x.shape[: self.axis], self.num_output)
        y = self._convolve_batch(self._batched(x), weight, bias, group)
        return y if self.axis == 1 else y.view(*x.shape[: self.axis], *y.shape[1:])

    def _convolve_batch(self, x: Tensor, weight: Tensor, bias: Tensor | None, group: int) -> Tensor:
        """Compute the top of a bottom with one axis before the channels."""
        kind = product_dtype(weight)
        bias = None if bias is None else bias.to(kind)
        return torch.convolution(x.to(kind), weight.to(kind), bias, *self._geometry(group)).to(x.dtype)

    def _batch_gradients(self, x: Tensor, dy: Tensor, weight: Tensor, group: int, wanted: list[bool]) -> Gradients:
        """Compute the `wanted` gradients of bottom, filters and bias; the bottom has one axis before the channels."""
        if not self.window.kernel:
            return self._pointwise_gradients(x, dy)
        bias_sizes = [self.num_output] if len(self.blobs) > 1 else None
        dy = dy.contiguous(memory_format=memory_format_of(x))
        dy, x, weight = (each.to(product_dtype(weight)) for each in (dy, x, weight))
        return torch.ops.aten.convolution_backward(dy, x, weight, bias_sizes, *self._geometry(group), wanted)

    def filters(self) -> tuple[Tensor, int]:
        """The filters for torch's operator, and their number of groups."""
        return self.blobs[0].tensor, self.group

    def _geometry(self, group: int) -> tuple:
        window = self.window
        no_output_padding = [0] * len(window.kernel)
        return window.stride, window.pad, window.dilation, self.transposed, no_output_padding, group

    def _batched(self, x: Tensor) -> Tensor:
        """Merge the axes before the channels."""
        return x if self.axis == 1 else x.reshape(-1, *x.shape[self.axis :])

    # torch's convolution refuses filters without spatial axes, so they are matrices per group here.

    def _matrix(self, weight: Tensor) -> Tensor:
        grouped = weight.view(self.group, -1, weight.shape[1])
        return grouped if self.transposed else grouped.transpose(1, 2)  # (group, in, out)

    def _pointwise(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        y = torch.einsum("ngi,gio->ngo", x.view(len(x), self.group, -1), self._matrix(weight)).reshape(len(x), -1)
        return y if bias is None else y + bias

    def _pointwise_gradients(self, x: Tensor, dy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        weight = self.blobs[0].tensor
        grouped_x, grouped_dy = (t.view(len(t), self.group, -1) for t in (x, dy))
        dx = torch.einsum("ngo,gio->ngi", grouped_dy, self._matrix(weight)).reshape(x.shape)
        d_weight = torch.einsum("ngi,ngo->" + ("gio" if self.transposed else "goi"), grouped_x, grouped_dy)
        return dx, d_weight.reshape(weight.shape), dy.sum(0)
