"""The filters of a convolution as they are now, in the order in which this machine multiplies fastest.

Reordering filters costs as much as moving them; it pays where the same filters meet many pictures, which is when a net
tests. A copy is made of them, so that what was computed can be computed again even after the blob has changed.

oneDNN rectifies what it multiplies at no cost, but makes 0 of what is no number, where Caffe's ReLU leaves it. So it is
asked to only where all sums are certain to be numbers: a sum is no larger than its filter's magnitudes, added up, times
the largest number of the bottom.

With PRECISION=bf16 a picture and its filters stay as fine as with f32, nearly: each is the sum of two numbers of
bfloat16, the second what the first has left, and of the four products three are added, as if there were three times as
many channels. The fourth is a 2^-18th. Channels are few, and the top is of bfloat16 at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from fcn_repro.caffe.kernels import im2col_gemm, winograd
from fcn_repro.caffe.layers.vision.conv_window import Window
from fcn_repro.caffe.precision import FEW_CHANNELS, factors, precision

LIMIT = 1e37  # of float32's and bfloat16's 3.4e38, as each layer rounds


class FrozenFilters:
    """A two-dimensional convolution (N, C, H, W) -> (N, K, OH, OW) by fixed filters, optionally rectified.

    `size` is that of the maps they are most likely to meet, (H, W) with padding; `kind` the type that a bottom is
    taken as.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None, window: Window, group: int, size: Sequence[int], rectify: bool
    ) -> None:
        self._window, self._group, self._rectify = window, group, rectify
        own = weight.to(factors(weight))
        self.kind = own.dtype
        self._is_matrix = im2col_gemm.pay_forward(own, window, group)
        # Winograd's filtering takes them as they are. It does not pay for bfloat16 that is in oneDNN's order already.
        # Few channels are as fast unpacked, and then give a top in the order of the bottom.
        is_few = own.shape[1] < FEW_CHANNELS
        self._is_split = is_few and group == 1 and precision() == "bf16" and _is_packable(own.bfloat16())
        stays = self._is_matrix or is_few or winograd.suits(own, window, group)
        self._is_packed = self._is_split or (_is_packable(own) and not stays)
        if self._is_split:
            high, low = _halves(own)
            own = torch.cat([high, low, high], 1)
        self._weight = _packed(own, window, group, size) if self._is_packed else own.clone()
        self._bias = None if bias is None else bias.to(bias.dtype if self._is_packed else own.dtype).clone()
        self._gain = self._offset = math.inf
        if weight.device.type == "cpu":  # nobody else asks
            self._gain = float(torch.linalg.vector_norm(weight.flatten(1), 1, 1).max())
            self._offset = 0.0 if bias is None else float(bias.abs().max())

    def largest(self, x: float) -> float:
        """What no number of the top exceeds where none of the bottom exceeds `x`; NaN or infinite where that may be."""
        return x * self._gain + self._offset

    def __call__(self, x: Tensor, pad: Sequence[int] | None, largest: float) -> Tensor:
        """The top for a bottom, as it was multiplied; channels come last in memory where they do in the bottom's.

        `pad` is the window's own unless another is given; `largest` is what no number of the bottom exceeds.
        """
        x, window = x.to(self.kind), self._window
        pad = window.pad if pad is None else pad
        is_fused = self._is_packed and self._rectify and self.largest(largest) < LIMIT
        if self._is_matrix:
            y = im2col_gemm.top(x, self._weight, self._bias)
        elif not self._is_packed and winograd.pays(x.shape[2:], pad, self._weight, window, self._group):
            y = winograd.filtered(x, self._weight, self._bias, pad)
        elif self._is_packed:
            if self._is_split:
                high, low = _halves(x)
                x = torch.cat([high, high, low], 1).contiguous(memory_format=torch.channels_last)
            y = _multiplied(x, self._weight, self._bias, pad, window, self._group, "relu" if is_fused else "none")
        else:
            y = F.conv2d(x, self._weight, self._bias, window.stride, pad, window.dilation, self._group)
        return y.clamp_(min=0) if self._rectify and not is_fused else y


def _halves(x: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers of float32 as sums of two of bfloat16; nothing is left by what is not finite."""
    high = x.bfloat16()
    return high, (x - high).bfloat16().nan_to_num_(0, 0, 0)


def _is_packable(weight: Tensor) -> bool:
    """Whether oneDNN computes here, by the two operators that torch's own compiler uses for it."""
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    if weight.dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    known = hasattr(torch._C._nn, "mkldnn_reorder_conv2d_weight")
    return known and hasattr(torch.ops.mkldnn, "_convolution_pointwise")


def _multiplied(
    x: Tensor, weight: Tensor, bias: Tensor | None, pad: Sequence[int], window: Window, group: int, then: str
) -> Tensor:
    """The top by packed filters, and what oneDNN then does to each sum."""
    return torch.ops.mkldnn._convolution_pointwise(
        x, weight, bias, pad, window.stride, window.dilation, group, then, [], ""
    )


def _packed(weight: Tensor, window: Window, group: int, size: Sequence[int]) -> Tensor:
    """For maps of a size, as filters packed for another may be packed anew at every map, which fc7's take 0.3 s for."""
    map_ = (1, weight.shape[1] * group, *size)
    return torch._C._nn.mkldnn_reorder_conv2d_weight(  # type: ignore[call-arg]  # the map is missing in its stub
        weight.contiguous().to_mkldnn(), [0, 0], list(window.stride), list(window.dilation), group, map_
    )
