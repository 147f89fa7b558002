"""Pooling."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.kernels import pairwise_pooling
from fcn_repro.caffe.layers.base import Layer, between, exactly
from fcn_repro.caffe.layers.unsupported import unsupported
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.synced_memory import Shape
from fcn_repro.layer_params.conv_window import read_window

_Param = caffe_pb2.PoolingParameter
_FLT_MAX = torch.finfo(torch.float32).max

Pair = tuple[int, ...]  # rows, columns


class Pooling(Layer):
    """Maximum or average over a sliding window, per channel.

    Shapes
        bottom[0]   (N, C, H, W)
        top[0]      (N, C, OH, OW) with OH = ceil((H + 2*pad - kernel) / stride) + 1 (floor under round_mode FLOOR);
                    if any pad is not 0, a last window that begins at or beyond H + pad is dropped
        top[1]      MAX only: the position h*W + w of the maximum, as a float; -1 in an empty window
    Reads    pooling_param: pool, kernel_*, stride_*, pad_*, global_pooling, round_mode
    Differs  torch's ceil_mode drops a last window beyond an unpadded bottom, and refuses pad > kernel/2. This class
             pads the bottom explicitly where torch's rule gives another size.
             The maximum of a window with NaN is NaN; Caffe skips NaN.
             In TEST the backward pass recomputes the maxima from the current bottom; Caffe keeps them.
    Source   caffe 9b89154 pooling_layer.cpp
    """

    bottoms = exactly(1)
    tops = between(1, 2)
    any_order = True
    may_be_in_place = False

    def prepare(self, *bottom: Shape) -> None:
        param = self.param.pooling_param
        self.method = param.pool
        if self.method == _Param.STOCHASTIC:
            raise unsupported("Pooling STOCHASTIC", self.param)
        self._read_window(bottom[0])

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        if len(bottom[0]) != 4:
            raise self.error(f"needs a bottom of 4 axes (N, C, H, W), not {list(bottom[0])}")
        if self.param.pooling_param.global_pooling:
            self._read_window(bottom[0])
        self._bottom = bottom[0]
        sizes = self.window.pooled(bottom[0][2:], self.param.pooling_param.round_mode != _Param.FLOOR)
        if min(sizes) < 1:
            raise self.error(f"would make a top of size {list(sizes)} from a bottom of shape {list(bottom[0])}")
        has_mask = len(self.param.top) > 1
        if has_mask and self.method != _Param.MAX:
            raise self.error("has a second top, the mask; expected pool: MAX")
        return [(*bottom[0][:2], *sizes)] * (2 if has_mask else 1)

    @property
    def copies(self) -> float:  # type: ignore[override]
        """Copies of the top in TEST: winners (8 bytes each) or pairwise maxima, and the padded bottom."""
        size = self.top_shapes(self._bottom)[0][2:]
        margins = self._margins(torch.empty(self._bottom, device="meta"), size)
        left, right, above, below = margins or (0, 0, 0, 0)
        height, width = self._bottom[2:]
        padded = (height + above + below) * (width + left + right) if margins else 0
        return 2 * (self.method == _Param.MAX) + padded / math.prod(size)

    def compute(self, *bottom: Tensor) -> tuple[Tensor, ...]:
        """The pooled values, and the mask if there is a second top."""
        (x,) = bottom
        size = self.top_shapes(tuple(x.shape))[0][2:]
        if self.method == _Param.AVE:
            return (self._windows(x, size, 0.0, self._sums) / self._areas(x, size),)
        has_mask = len(self.param.top) > 1
        needs_winners = (
            has_mask or self.phase == caffe_pb2.TRAIN
        )  # winners take twice the top's memory, so TEST skips them
        if needs_winners or not self._is_pairwise(x, self.pad):
            y, self._winner = self._windows(x, size, -math.inf, self._maxima)
        else:
            y = self._windows(x, size, -math.inf, lambda x, *_: pairwise_pooling.compute_maxima(x))
        if not needs_winners:
            self._winner = None
        self._empty = None
        if self.has_empty_windows(x, size):
            self._empty = y == -math.inf
            y = y.masked_fill(self._empty, -_FLT_MAX)
        return (y, self._mask(x, size)) if has_mask else (y,)

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor]:
        """MAX: dy to the winner, the first maximum in row-major order. AVE: dy divided over the window."""
        (x,), dy = bottom, top_diff[0]
        size = tuple(dy.shape[2:])
        margins = self._margins(x, size)
        padded = x if margins is None else F.pad(x, margins)
        pad = self.pad if margins is None else (0, 0)
        ceil = margins is None
        if self.method == _Param.AVE:
            dx = torch.ops.aten.avg_pool2d_backward(
                dy / self._areas(x, size), padded, self.kernel, self.stride, pad, ceil, True, 1
            )
        else:
            winner = self._winner
            if winner is None:
                _, winner = self._windows(x, size, -math.inf, self._maxima)
            dy = dy if self._empty is None else dy.masked_fill(self._empty, 0)
            dx = torch.ops.aten.max_pool2d_with_indices_backward(
                dy, padded, self.kernel, self.stride, pad, (1, 1), ceil, winner
            )
        return [dx if margins is None else F.pad(dx, [-margin for margin in margins])]

    def _read_window(self, bottom: Shape) -> None:
        self.window = read_window(self.param, 2, bottom[2:], CaffeError)
        self.kernel, self.stride, self.pad = self.window.kernel, self.window.stride, self.window.pad

    def _margins(self, x: Tensor, size: Pair) -> tuple[int, int, int, int] | None:
        """Padding (left, right, above, below; negative: crop) that gives `size`, or None if torch's rule does."""
        spans = list(zip(x.shape[2:], size, self.kernel, self.stride, self.pad, strict=True))
        if all(p <= k // 2 and o == _torch_size(n, k, s, p) for n, o, k, s, p in spans):
            return None
        (above, below), (left, right) = [(p, (o - 1) * s + k - n - p) for n, o, k, s, p in spans]
        return left, right, above, below

    def _windows(self, x: Tensor, size: Pair, fill: float, pool):
        margins = self._margins(x, size)
        if margins is None:
            return pool(x, self.pad, True)
        return pool(F.pad(x, margins, value=fill), (0, 0), False)

    def _maxima(self, x: Tensor, pad: Pair, ceil: bool) -> tuple[Tensor, Tensor]:
        if self.phase == caffe_pb2.TRAIN and self._is_pairwise(x, pad):
            return pairwise_pooling.compute_maxima_and_winners(x)
        return F.max_pool2d(x, self.kernel, self.stride, pad, ceil_mode=ceil, return_indices=True)

    def _is_pairwise(self, x: Tensor, pad: Pair) -> bool:
        return pairwise_pooling.is_faster(x, self.kernel, self.stride, pad)

    def _sums(self, x: Tensor, pad: Pair, ceil: bool) -> Tensor:
        return F.avg_pool2d(x, self.kernel, self.stride, pad, ceil, True, divisor_override=1)

    def _areas(self, x: Tensor, size: Pair) -> Tensor:
        """Caffe's divisors (OH, OW): window areas, clipped to the padded bottom."""
        sides = []
        for n, o, k, s, p in zip(x.shape[2:], size, self.kernel, self.stride, self.pad, strict=True):
            start = torch.arange(o, device=x.device) * s - p
            sides.append((start + k).clamp(max=n + p) - start)
        return torch.outer(*sides).to(x.dtype)

    def has_empty_windows(self, x: Tensor, size: Pair) -> bool:
        """Whether a window can lie completely outside the bottom."""
        spans = zip(x.shape[2:], size, self.kernel, self.stride, self.pad, strict=True)
        return any((o - 1) * s - p >= n or p >= k for n, o, k, s, p in spans)

    def _mask(self, x: Tensor, size: Pair) -> Tensor:
        margins = self._margins(x, size)
        winner = self._winner
        if margins is not None:
            left, _, above, _ = margins
            taken_width = (size[1] - 1) * self.stride[1] + self.kernel[1]
            winner = (winner // taken_width - above) * x.shape[3] + winner % taken_width - left
        mask = winner.to(x.dtype)
        return mask if self._empty is None else mask.masked_fill(self._empty, -1)


def _torch_size(n: int, k: int, s: int, p: int) -> int:
    """torch's ceil_mode output size."""
    size = -(-(n + 2 * p - k) // s) + 1
    return size - 1 if (size - 1) * s >= n + p else size
