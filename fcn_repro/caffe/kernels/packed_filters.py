"""Filters of a convolution, frozen and packed in the order that this machine multiplies fastest.

Packing costs as much as moving the filters, so it pays where the same filters meet many images: in a TEST net. The
filters are copied, so that a pass can be repeated even after the blob has changed.

oneDNN applies ReLU to its sums at no cost, but turns NaN into 0, where Caffe's ReLU keeps NaN. So oneDNN applies it
only where all sums are certain to be finite. The bound: a sum is at most the largest input times the filter's sum of
magnitudes, plus the bias.

With PRECISION=bf16, products of an image and its filters stay nearly as exact as with f32. Each factor is split into
two bfloat16 numbers, the second of which is the rounding error of the first. Three of the four products are summed, as
if there were three times as many channels; the fourth is about 2^-18 of the result. The top is bfloat16.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from fcn_repro.caffe.kernels import im2col_gemm, winograd
from fcn_repro.caffe.precision import FEW_CHANNELS, precision, product_dtype
from fcn_repro.layer_params.conv_window import ConvWindow

LIMIT = 1e37  # below the 3.4e38 of float32 and bfloat16, as each layer rounds


class FrozenFilters:
    """A two-dimensional convolution (N, C, H, W) -> (N, K, OH, OW) by fixed filters, optionally with ReLU.

    Parameters
        size   the most likely (H, W) of bottoms, padding included

    Attributes
        kind   the type that bottoms are converted to
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None, window: ConvWindow, group: int, size: Sequence[int], has_relu: bool
    ) -> None:
        self._window, self._group, self._has_relu = window, group, has_relu
        own = weight.to(product_dtype(weight))
        self.kind = own.dtype
        self._is_matrix = im2col_gemm.is_faster_forward(own, window, group)
        # Winograd takes unpacked filters, and gains nothing on bfloat16 in oneDNN's order. Filters of few channels are
        # as fast unpacked, and then the top keeps the bottom's memory layout.
        is_few = own.shape[1] < FEW_CHANNELS
        self._is_split = is_few and group == 1 and precision() == "bf16" and _is_packable(own.bfloat16())
        stays_unpacked = self._is_matrix or is_few or winograd.is_applicable(own, window, group)
        self._is_packed = self._is_split or (_is_packable(own) and not stays_unpacked)
        if self._is_split:
            high, low = _split(own)
            own = torch.cat([high, low, high], 1)
        self._weight = _pack(own, window, group, size) if self._is_packed else own.clone()
        self._bias = None if bias is None else bias.to(bias.dtype if self._is_packed else own.dtype).clone()
        self._gain = self._offset = math.inf
        if weight.device.type == "cpu":  # only oneDNN's ReLU needs the bound
            self._gain = float(torch.linalg.vector_norm(weight.flatten(1), 1, 1).max())
            self._offset = 0.0 if bias is None else float(bias.abs().max())

    def bound(self, largest: float) -> float:
        """A bound of the top's magnitudes for a bottom bounded by `largest`; NaN or infinite where there is none."""
        return largest * self._gain + self._offset

    def __call__(self, x: Tensor, pad: Sequence[int] | None, largest: float) -> Tensor:
        """The top of a bottom, in the type it was multiplied in; channels last in memory where the bottom's are.

        `pad` replaces the window's own; `largest` bounds the bottom's magnitudes.
        """
        x, window = x.to(self.kind), self._window
        pad = window.pad if pad is None else pad
        is_fused = self._is_packed and self._has_relu and self.bound(largest) < LIMIT
        if self._is_matrix:
            y = im2col_gemm.compute_top(x, self._weight, self._bias)
        elif not self._is_packed and winograd.is_faster(x.shape[2:], pad, self._weight, window, self._group):
            y = winograd.convolve(x, self._weight, self._bias, pad)
        elif self._is_packed:
            if self._is_split:
                high, low = _split(x)
                x = torch.cat([high, high, low], 1).contiguous(memory_format=torch.channels_last)
            y = _multiply(x, self._weight, self._bias, pad, window, self._group, "relu" if is_fused else "none")
        else:
            y = F.conv2d(x, self._weight, self._bias, window.stride, pad, window.dilation, self._group)
        return y.clamp_(min=0) if self._has_relu and not is_fused else y


def _split(x: Tensor) -> tuple[Tensor, Tensor]:
    """float32 numbers as sums of two bfloat16 numbers; the second is 0 where the first is not finite."""
    high = x.bfloat16()
    return high, (x - high).bfloat16().nan_to_num_(0, 0, 0)


def _is_packable(weight: Tensor) -> bool:
    """Whether oneDNN's two operators, which torch's compiler uses, are available for these filters."""
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    if weight.dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    has_reorder = hasattr(torch._C._nn, "mkldnn_reorder_conv2d_weight")
    return has_reorder and hasattr(torch.ops.mkldnn, "_convolution_pointwise")


def _multiply(
    x: Tensor, weight: Tensor, bias: Tensor | None, pad: Sequence[int], window: ConvWindow, group: int, then: str
) -> Tensor:
    """The top by packed filters; `then` is oneDNN's name of the function applied to each sum."""
    return torch.ops.mkldnn._convolution_pointwise(
        x, weight, bias, pad, window.stride, window.dilation, group, then, [], ""
    )


def _pack(weight: Tensor, window: ConvWindow, group: int, size: Sequence[int]) -> Tensor:
    """Pack filters for maps of one size; oneDNN may repack at every map of another, 0.3 s for fc7."""
    shape = (1, weight.shape[1] * group, *size)
    return torch._C._nn.mkldnn_reorder_conv2d_weight(  # type: ignore[call-arg]  # its stub lacks the shape
        weight.contiguous().to_mkldnn(), [0, 0], list(window.stride), list(window.dilation), group, shape
    )
