"""Convolution by im2col and matrix products, where the weights or the output dominate the input.

For gradients oneDNN reorders input, weights and output gradient. For VGG-16's fc6 it moves 411 MB of weights and their
gradient to multiply a map of 1 MB; for conv1_1 an output gradient of 125 MB to multiply an image of 3 MB. Caffe's
method moves only the input: im2col copies each receptive field into a column, and the weights and the output gradient
are multiplied in place. On an image of 500x500 that takes four fifths of the time.

Forward, fc6 would take a quarter longer this way, so oneDNN stays. But without AVX-512, oneDNN takes three times as
long as a matrix product for LARGE 1x1 filters that stay, such as fc7's.

The gradient of LARGE weights is a LazyWeightGradient: it holds the small factors and multiplies on demand. A solver
that only updates takes the gradient of some filters at a time.

Holds    on the CPU; over two axes; with one group; where weights are LARGE and exceed the columns RATIO times, or the
         top is LARGE and exceeds the columns TOP_RATIO times
Shapes   columns (N, C * kernel, P): N maps of C channels, P cells of the top
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from fcn_repro.caffe import kernels
from fcn_repro.caffe.kernels.pieces import count_filters_per_piece
from fcn_repro.caffe.precision import product_dtype
from fcn_repro.layer_params.conv_window import ConvWindow

LARGE = 1 << 24  # elements, 64 MB: more than caches hold
RATIO = 4  # elements of the weights per element of the columns
TOP_RATIO = 2  # elements of the top per element of the columns


@dataclass(frozen=True)
class LazyWeightGradient:
    """A gradient (K, C, ...) of weights, multiplied on demand."""

    dy: Tensor  # (K, N * P)
    columns: Tensor  # (N * P, C * kernel)
    weight: Tensor  # has the gradient's shape and type

    def copy(self) -> LazyWeightGradient:
        """The same gradient, independent of the maps whose memory its factors may share."""
        return LazyWeightGradient(self.dy.clone(), self.columns.clone(), self.weight)

    def whole(self) -> Tensor:
        """The whole gradient."""
        return self._multiply(slice(None))

    def parts(self) -> Iterator[tuple[slice, Tensor]]:
        """The gradient of some filters after the other, each with the slice of these filters."""
        count = count_filters_per_piece(self.weight)
        for first in range(0, len(self.weight), count):
            filters = slice(first, first + count)
            yield filters, self._multiply(filters)

    def _multiply(self, filters: slice) -> Tensor:
        product = self.dy[filters] @ self.columns
        return product.to(self.weight.dtype).view(-1, *self.weight.shape[1:])


Gradients = tuple[Tensor | None, Tensor | LazyWeightGradient | None, Tensor | None]  # of bottom, weights, bias


def is_faster_backward(x: Tensor, dy: Tensor, weight: Tensor, group: int) -> bool:
    """Whether `compute_gradients` is faster for a bottom (N, C, H, W), its top's gradient and weights (K, C, ...)."""
    if not kernels.is_enabled() or group != 1 or x.dim() != 4 or x.is_cuda:
        return False
    filters, taps, places = len(weight), weight[0].numel(), dy.numel() // len(weight)
    has_large_weights = weight.numel() >= LARGE and filters >= RATIO * places
    return has_large_weights or (dy.numel() >= LARGE and filters >= TOP_RATIO * taps)


def is_faster_forward(weight: Tensor, window: ConvWindow, group: int) -> bool:
    """Whether `compute_top` is faster for weights (K, C, ...) that stay."""
    is_f32_on_cpu = (weight.device.type, weight.dtype) == ("cpu", torch.float32)
    return is_f32_on_cpu and _has_no_avx512() and group == 1 and _is_pointwise(window) and weight.numel() >= LARGE


def compute_top(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The top (N, K, H, W) of a bottom (N, C, H, W) and weights (K, C, 1, 1)."""
    y = weight.flatten(1) @ x.flatten(2)
    return (y if bias is None else y.add_(bias[:, None])).view(len(x), len(weight), *x.shape[2:])


def compute_gradients(x: Tensor, dy: Tensor, weight: Tensor, window: ConvWindow, wanted: Sequence[bool]) -> Gradients:
    """The gradients of bottom, weights and bias that are wanted; `dy` is the top's. LARGE weights get a lazy one."""
    kind = product_dtype(weight)
    flat_dy = dy.to(kind).flatten(2)
    dx: Tensor | None = None
    d_weight: Tensor | LazyWeightGradient | None = None
    if wanted[0]:
        matrix = weight.to(kind).flatten(1)
        dx = _col2im(torch.stack([matrix.t() @ each for each in flat_dy]).to(x.dtype), x, window)
    if wanted[1]:
        columns = _im2col(x, window).to(kind).transpose(1, 2).flatten(0, 1)
        lazy = LazyWeightGradient(flat_dy.transpose(0, 1).flatten(1), columns, weight)
        d_weight = lazy.copy() if weight.numel() >= LARGE else lazy.whole()
    return dx, d_weight, dy.sum((0, 2, 3)) if wanted[2] else None


def _im2col(x: Tensor, window: ConvWindow) -> Tensor:
    return x.flatten(2) if _is_pointwise(window) else F.unfold(x, **_as_torch_options(window))


def _col2im(columns: Tensor, x: Tensor, window: ConvWindow) -> Tensor:
    if _is_pointwise(window):
        return columns.view(x.shape)
    return F.fold(columns, x.shape[2:], **_as_torch_options(window))


def _is_pointwise(window: ConvWindow) -> bool:
    return {*window.kernel, *window.stride} == {1} and not any(window.pad)


@cache
def _has_no_avx512() -> bool:
    return torch.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2")


def _as_torch_options(window: ConvWindow) -> dict[str, tuple[int, ...]]:
    return dict(kernel_size=window.kernel, dilation=window.dilation, padding=window.pad, stride=window.stride)
