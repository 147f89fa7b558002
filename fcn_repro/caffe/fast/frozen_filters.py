"""The filters of a convolution as they are now, in the order in which this machine multiplies fastest.

Reordering filters costs as much as moving them; it pays where the same filters meet many pictures, which is when a net
tests. A copy is made of them, so that what was computed can be computed again even after the blob has changed.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from fcn_repro.caffe.synced_memory import Shape

Pair = tuple[int, int]


class FrozenFilters:
    """A two-dimensional convolution (N, C, H, W) -> (N, K, OH, OW) by fixed filters, optionally rectified."""

    def __init__(self, weight: Tensor, bias: Tensor | None, stride: Pair, dilation: Pair, group: int) -> None:
        self._stride, self._dilation, self._group = stride, dilation, group
        self._weight = weight.clone(memory_format=torch.channels_last)
        self._bias = None if bias is None else bias.clone()
        self._packed: Tensor | None = None

    def __call__(self, x: Tensor, pad: Pair, rectify: bool) -> Tensor:
        """The top for a bottom; channels come last in its memory where they do in the bottom's."""
        if not _is_packable(x):
            y = F.conv2d(x, self._weight, self._bias, self._stride, pad, self._dilation, self._group)
            return y.clamp_(min=0) if rectify else y
        if self._packed is None:
            self._packed = self._reordered(tuple(x.shape), pad)
        return torch.ops.mkldnn._convolution_pointwise(
            x, self._packed, self._bias, pad, self._stride, self._dilation, self._group,
            "relu" if rectify else "none", [], "",
        )  # fmt: skip

    def _reordered(self, shape: Shape, pad: Pair) -> Tensor:
        return torch._C._nn.mkldnn_reorder_conv2d_weight(
            self._weight.contiguous().to_mkldnn(), pad, self._stride, self._dilation, self._group, shape
        )


def _is_packable(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype == torch.float32 and torch.backends.mkldnn.is_available()
