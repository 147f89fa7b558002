"""Multiply matrices for a convolution whose bottom is small beside its filters, or beside its top.

For gradients a library of convolutions puts all three into an order of its own. For VGG-16's fc6 it moves filters of
411 MB and their gradient, to meet a map of 1 MB; for conv1_1 a top's gradient of 125 MB, to meet a picture of 3. The
way of Caffe moves the bottom instead: what each place sees becomes a column (im2col), and filters, one in a row, and
the top's gradient are multiplied where they lie. On an image of 500x500 that takes four fifths of the time.

Forward fc6 would take a quarter more so, and the library stays. But for LARGE filters of 1x1 that are kept, fc7's, it
takes three times as long as matrices where the processor has no AVX-512.

The gradient of LARGE filters is a product that need not be there at once: `Product` keeps its factors, small as they
are, and is multiplied as it is asked for. The solver, which only wants to update, asks for some filters at a time.

Holds    on the CPU; over two axes, of one group; where filters are LARGE and outweigh the columns by RATIO, or where
         a LARGE top outweighs them by TOP_RATIO
Shapes   columns (N, C * kernel, P): N maps of C channels, P places that a filter is put at, the top's cells
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from fcn_repro.caffe import kernels
from fcn_repro.caffe.kernels.pieces import filters_together
from fcn_repro.caffe.layers.vision.conv_window import Window
from fcn_repro.caffe.precision import factors

LARGE = 1 << 24  # numbers, 64 MB: more than caches hold
RATIO = 4  # numbers in the filters for one in the columns
TOP_RATIO = 2  # numbers in the top for one in the columns


@dataclass(frozen=True)
class Product:
    """A gradient (K, C, ...) of filters that is yet to be multiplied."""

    dy: Tensor  # (K, N * P)
    columns: Tensor  # (N * P, C * kernel)
    like: Tensor  # of the shape and type of the gradient

    def kept(self) -> Product:
        """The same, whatever becomes of the maps whose memory the factors may be."""
        return Product(self.dy.clone(), self.columns.clone(), self.like)

    def whole(self) -> Tensor:
        """All of it."""
        return self._of(slice(None))

    def parts(self) -> Iterator[tuple[slice, Tensor]]:
        """That of some filters after the other, and which they are."""
        count = filters_together(self.like)
        for first in range(0, len(self.like), count):
            some = slice(first, first + count)
            yield some, self._of(some)

    def _of(self, some: slice) -> Tensor:
        found = self.dy[some] @ self.columns
        return found.to(self.like.dtype).view(-1, *self.like.shape[1:])


Gradients = tuple[Tensor | None, Tensor | Product | None, Tensor | None]  # of a bottom, of filters, of a bias


def pay(x: Tensor, dy: Tensor, weight: Tensor, group: int) -> bool:
    """Whether gradients are better made so: x is a bottom (N, C, H, W), dy its top's gradient, weight (K, C, ...)."""
    if not kernels.on() or group != 1 or x.dim() != 4 or x.is_cuda:
        return False
    filters, seen, places = len(weight), weight[0].numel(), dy.numel() // len(weight)
    by_filters = weight.numel() >= LARGE and filters >= RATIO * places
    return by_filters or (dy.numel() >= LARGE and filters >= TOP_RATIO * seen)


def pay_forward(weight: Tensor, window: Window, group: int) -> bool:
    """Whether a top is better made so by filters (K, C, ...) that stay."""
    is_plain = (weight.device.type, weight.dtype) == ("cpu", torch.float32) and _has_no_avx512()
    return is_plain and group == 1 and _is_pointwise(window) and weight.numel() >= LARGE


def top(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The top (N, K, H, W) of a bottom (N, C, H, W) and filters (K, C, 1, 1)."""
    y = weight.flatten(1) @ x.flatten(2)
    return (y if bias is None else y.add_(bias[:, None])).view(len(x), len(weight), *x.shape[2:])


def gradients(x: Tensor, dy: Tensor, weight: Tensor, window: Window, wanted: Sequence[bool]) -> Gradients:
    """Of the bottom, the filters and the bias, those that are wanted; `dy` is the top's. A large one is a Product."""
    dx, d_weight, d_bias = wanted
    kind = factors(weight)
    flat = dy.to(kind).flatten(2)
    of_bottom = of_filters = None
    if dx:
        matrix = weight.to(kind).flatten(1)
        of_bottom = _added(torch.stack([matrix.t() @ each for each in flat]).to(x.dtype), x, window)
    if d_weight:
        seen = _columns(x, window).to(kind).transpose(1, 2).flatten(0, 1)
        product = Product(flat.transpose(0, 1).flatten(1), seen, weight)
        of_filters = product.kept() if weight.numel() >= LARGE else product.whole()
    return of_bottom, of_filters, dy.sum((0, 2, 3)) if d_bias else None


def _columns(x: Tensor, window: Window) -> Tensor:
    return x.flatten(2) if _is_pointwise(window) else F.unfold(x, **_as_torch_says(window))


def _added(columns: Tensor, x: Tensor, window: Window) -> Tensor:
    if _is_pointwise(window):
        return columns.view(x.shape)
    return F.fold(columns, x.shape[2:], **_as_torch_says(window))


def _is_pointwise(window: Window) -> bool:
    return set(window.kernel + window.stride) == {1} and set(window.pad) == {0}


@cache
def _has_no_avx512() -> bool:
    return torch.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2")


def _as_torch_says(window: Window) -> dict[str, tuple[int, ...]]:
    return {
        "kernel_size": window.kernel,
        "dilation": window.dilation,
        "padding": window.pad,
        "stride": window.stride,
    }
