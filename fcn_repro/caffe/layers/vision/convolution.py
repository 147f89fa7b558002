"""Convolution."""

from __future__ import annotations

import torch
from torch import Tensor

from fcn_repro.caffe.kernels import channels_last, im2col_gemm, winograd
from fcn_repro.caffe.kernels.pieces import of_filters
from fcn_repro.caffe.layers.vision.base_convolution import FilterBank
from fcn_repro.caffe.synced_memory import Shape


class Convolution(FilterBank):
    """Cross-correlation with learned filters (nothing is flipped).

    Shapes
        bottom[i]   (N, C, H, W), or any number of axes after `axis`; all bottoms alike
        top[i]      (N, num_output, OH, OW) with OH = floor((H + 2*pad - (dilation*(kernel-1)+1)) / stride) + 1
        blobs       [0] (num_output, C/group, kernel, kernel)   [1] (num_output)
    Reads    convolution_param. Both fillers are constant 0 unless given: such a layer starts at zero.
    Source   caffe 9b89154 conv_layer.cpp
    """

    any_order = True

    def filter_channels(self) -> Shape:
        """(num_output, C/group)."""
        return self.num_output, self.channels // self.group

    def spatial_shape(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """Rounded down."""
        return self.window.convolved(size)

    def _slid(self, x: Tensor, weight: Tensor, bias: Tensor | None, group: int) -> Tensor:
        """See FilterBank."""
        if self._is_spared(x, weight, group):
            return winograd.filtered(x.contiguous(), weight, bias, self.window.pad)
        x = channels_last.begun(x)
        tops = [super(Convolution, self)._slid(x, *some, group) for some in of_filters(weight, bias, group)]
        return tops[0] if len(tops) == 1 else torch.cat(tops, 1)

    def _gradients(
        self, x: Tensor, dy: Tensor, weight: Tensor, group: int, wanted: list[bool]
    ) -> im2col_gemm.Gradients:
        """See FilterBank."""
        if im2col_gemm.pay(x, dy, weight, group):
            return im2col_gemm.gradients(x, dy, weight, self.window, wanted)
        if not self._is_spared(x, weight, group):
            return super()._gradients(x, dy, weight, group, wanted)
        x, dy = x.contiguous(), dy.contiguous()
        dx, d_weight, d_bias = wanted
        # The bottom's gradient comes last, for it stays, and what the others take beside it is gone by then.
        if not self._is_spared(x, weight, group, winograd.FILTERS_PAY):
            _, filters, bias = super()._gradients(x, dy, weight, group, [False, d_weight, d_bias])
        else:
            filters = winograd.filter_gradient(x, dy, self.window.pad) if d_weight else None
            bias = dy.sum((0, 2, 3)) if d_bias else None
        return winograd.bottom_gradient(dy, weight, self.window.pad) if dx else None, filters, bias

    def _is_spared(self, x: Tensor, weight: Tensor, group: int, paying: winograd.Paying = winograd.PAYS) -> bool:
        """Whether Winograd's filtering spares multiplications."""
        return winograd.pays(x.shape[2:], self.window.pad, weight, self.window, group, paying)
