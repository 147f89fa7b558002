"""The filters of a convolution as they are now, in the order in which this machine multiplies fastest.

Reordering filters costs as much as moving them; it pays where the same filters meet many pictures, which is when a net
tests. A copy is made of them, so that what was computed can be computed again even after the blob has changed.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from fcn_repro.caffe.precision import factor

Pair = Sequence[int]  # along rows and columns


class FrozenFilters:
    """A two-dimensional convolution (N, C, H, W) -> (N, K, OH, OW) by fixed filters, optionally rectified."""

    def __init__(self, weight: Tensor, bias: Tensor | None, stride: Pair, dilation: Pair, group: int) -> None:
        self._stride, self._dilation, self._group = stride, dilation, group
        own = factor(weight)
        self._is_packed = _is_packable(own)
        self._weight = _packed(own, stride, dilation, group) if self._is_packed else own.clone()
        self._bias = None if bias is None else factor(bias).clone()

    def __call__(self, x: Tensor, pad: Pair, rectify: bool) -> Tensor:
        """The top for a bottom; channels come last in its memory where they do in the bottom's."""
        if self._is_packed:
            y = torch.ops.mkldnn._convolution_pointwise(
                factor(x), self._weight, self._bias, pad, self._stride, self._dilation, self._group, "none", [], "",
            )  # fmt: skip
        else:
            y = F.conv2d(factor(x), self._weight, self._bias, self._stride, pad, self._dilation, self._group)
        return (y.clamp_(min=0) if rectify else y).to(x.dtype)  # oneDNN's own ReLU would turn NaN into 0


def _is_packable(weight: Tensor) -> bool:
    """Whether oneDNN computes here, by the two operators that torch's own compiler uses for it."""
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    if weight.dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    known = hasattr(torch._C._nn, "mkldnn_reorder_conv2d_weight")
    return known and hasattr(torch.ops.mkldnn, "_convolution_pointwise")


def _packed(weight: Tensor, stride: Pair, dilation: Pair, group: int) -> Tensor:
    weight = weight.contiguous().to_mkldnn()
    return torch._C._nn.mkldnn_reorder_conv2d_weight(weight, [0, 0], list(stride), list(dilation), group)
