"""The filters of a convolution as they are now, in the order in which this machine multiplies fastest.

Reordering filters costs as much as moving them; it pays where the same filters meet many pictures, which is when a net
tests. A copy is made of them, so that what was computed can be computed again even after the blob has changed.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from fcn_repro.caffe.fast import columns, winograd
from fcn_repro.caffe.layers.geometry import Window
from fcn_repro.caffe.precision import FEW_CHANNELS, factors

CELLS = 32  # to a side of that map; which number it is makes no difference


class FrozenFilters:
    """A two-dimensional convolution (N, C, H, W) -> (N, K, OH, OW) by fixed filters, optionally rectified."""

    def __init__(self, weight: Tensor, bias: Tensor | None, window: Window, group: int) -> None:
        self._window, self._group = window, group
        own = weight.to(factors(weight))
        self._kind = own.dtype
        self._is_matrix = columns.pay_forward(own, window, group)
        # Winograd's filtering takes them as they are. It does not pay for bfloat16 that is in oneDNN's order already.
        # Few channels are as fast unpacked, and then give a top in the order of the bottom.
        stays = self._is_matrix or own.shape[1] < FEW_CHANNELS or winograd.suits(own, window, group)
        self._is_packed = _is_packable(own) and not stays
        self._weight = _packed(own, window, group) if self._is_packed else own.clone()
        self._bias = None if bias is None else bias.to(own.dtype).clone()

    def __call__(self, x: Tensor, pad: Sequence[int], rectify: bool) -> Tensor:
        """The top for a bottom, as it was multiplied; channels come last in memory where they do in the bottom's."""
        x, window = x.to(self._kind), self._window
        if self._is_matrix:
            y = columns.top(x, self._weight, self._bias)
        elif not self._is_packed and winograd.pays(x.shape[2:], pad, self._weight, window, self._group):
            y = winograd.filtered(x, self._weight, self._bias, pad)
        elif self._is_packed:
            y = torch.ops.mkldnn._convolution_pointwise(
                x, self._weight, self._bias, pad, window.stride, window.dilation, self._group, "none", [], "",
            )  # fmt: skip
        else:
            y = F.conv2d(x, self._weight, self._bias, window.stride, pad, window.dilation, self._group)
        return y.clamp_(min=0) if rectify else y  # oneDNN's own ReLU would turn NaN into 0


def _is_packable(weight: Tensor) -> bool:
    """Whether oneDNN computes here, by the two operators that torch's own compiler uses for it."""
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    if weight.dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    known = hasattr(torch._C._nn, "mkldnn_reorder_conv2d_weight")
    return known and hasattr(torch.ops.mkldnn, "_convolution_pointwise")


def _packed(weight: Tensor, window: Window, group: int) -> Tensor:
    """For a map of many cells: filters of 1x1 packed for one are packed anew at every map, fc7's in 0.3 s."""
    map_ = (1, weight.shape[1] * group, *(extent + CELLS - 1 for extent in window.extent))
    return torch._C._nn.mkldnn_reorder_conv2d_weight(  # type: ignore[call-arg]  # the map is missing in its stub
        weight.contiguous().to_mkldnn(), [0, 0], list(window.stride), list(window.dilation), group, map_
    )
