"""Convolution."""

import torch
from torch import Tensor

from fcn_repro.caffe.kernels import channels_last, im2col_gemm, winograd
from fcn_repro.caffe.kernels.pieces import split_filters
from fcn_repro.caffe.layers.vision.base_convolution import BaseConvolution
from fcn_repro.caffe.synced_memory import Shape


class Convolution(BaseConvolution):
    """Cross-correlation with trained filters, which are not flipped.

    Shapes
        bottom[i]   (N, C, H, W), or any number of axes after `axis`; all bottoms equal
        top[i]      (N, num_output, OH, OW) with OH = floor((H + 2*pad - (dilation*(kernel-1)+1)) / stride) + 1
        blobs       [0] (num_output, C/group, kernel, kernel)   [1] (num_output)
    Reads    convolution_param. Both fillers default to constant 0.
    Source   caffe 9b89154 conv_layer.cpp
    """

    any_order = True

    def filter_channels(self) -> Shape:
        """(num_output, C/group)."""
        return self.num_output, self.channels // self.group

    def spatial_shape(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """Rounded down."""
        return self.window.convolved(size)

    def _convolve_batch(self, x: Tensor, weight: Tensor, bias: Tensor | None, group: int) -> Tensor:
        if self._uses_winograd(x, weight, group):
            return winograd.convolve(x.contiguous(), weight, bias, self.window.pad)
        x = channels_last.start(x)
        tops = [
            super(Convolution, self)._convolve_batch(x, *part, group) for part in split_filters(weight, bias, group)
        ]
        return tops[0] if len(tops) == 1 else torch.cat(tops, 1)

    def _batch_gradients(
        self, x: Tensor, dy: Tensor, weight: Tensor, group: int, wanted: list[bool]
    ) -> im2col_gemm.Gradients:
        if im2col_gemm.is_faster_backward(x, dy, weight, group):
            return im2col_gemm.compute_gradients(x, dy, weight, self.window, wanted)
        if not self._uses_winograd(x, weight, group):
            return super()._batch_gradients(x, dy, weight, group, wanted)
        x, dy = x.contiguous(), dy.contiguous()
        dx, d_weight, d_bias = wanted
        # Compute the bottom's gradient last: the temporary memory of the others is free by then.
        if not self._uses_winograd(x, weight, group, winograd.GRADIENT_FASTER_FROM):
            _, filters, bias = super()._batch_gradients(x, dy, weight, group, [False, d_weight, d_bias])
        else:
            filters = winograd.compute_filter_gradient(x, dy, self.window.pad) if d_weight else None
            bias = dy.sum((0, 2, 3)) if d_bias else None
        return winograd.compute_bottom_gradient(dy, weight, self.window.pad) if dx else None, filters, bias

    def _uses_winograd(
        self, x: Tensor, weight: Tensor, group: int, thresholds: winograd.Thresholds = winograd.FASTER_FROM
    ) -> bool:
        """Whether Winograd's algorithm is faster here."""
        return winograd.is_faster(x.shape[2:], self.window.pad, weight, self.window, group, thresholds)
