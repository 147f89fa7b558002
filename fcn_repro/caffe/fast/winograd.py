"""Multiply less where filters of 3x3 slide over large maps of many channels: Winograd's minimal filtering.

A tile of 6x6 cells of a top is made of 9 products a cell, 324 for each pair of channels. Between sums of its 8x8 cells
of the bottom and sums of the filter, 64 are enough, and their sums give the tile. Sums cost little where they serve
many channels. NNPACK, a library that torch brings along, does so, and takes a third to two thirds of oneDNN's time.

Holds    on the CPU, in float32; stride and dilation 1, one group, of so many channels on both sides and tiles of an
         image as PAYS says; where torch was built with NNPACK and the processor has what that needs
Differs  by rounding: a top by 1.5e-5 of its largest number, at most, and scores of VGG-16 no more than by oneDNN,
         4e-6 from exact ones. What is no number spreads over its tile, and not only as far as filters reach
Memory   tiles are sums apart until all are there: a map is filtered in bands of rows that take WORKSPACE bytes at most.
         NNPACK keeps that memory, and the number of threads that torch had when it was first used
Source   Lavin and Gray, Fast algorithms for convolutional neural networks, arXiv 1509.09308, F(6x6, 3x3)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from fcn_repro.caffe import fast
from fcn_repro.caffe.layers.geometry import Window
from fcn_repro.caffe.precision import precision
from fcn_repro.memory import VALUE_BYTES

TILE, SUMS = 6, 64  # cells to a side of a tile of the top; numbers that its part of the bottom is turned into
PAYS = {128: 64, 64: 512}  # from so many channels and tiles on it was faster, on the machine of docs/performance.md
WORKSPACE = 1 << 27  # bytes


def suits(weight: Tensor, window: Window, group: int) -> bool:
    """Whether filters (K, C, ...) can be multiplied so here, on maps that are large enough."""
    return (
        (window.kernel, window.stride, window.dilation, group) == ((3, 3), (1, 1), (1, 1), 1)
        and max(window.pad) <= 2  # of more, NNPACK wants nothing, and the gradient would have less than none
        and min(weight.shape[:2]) >= min(PAYS)
        and (weight.device.type, weight.dtype) == ("cpu", torch.float32)
        and precision() != "bf16"
        and _is_available()
    )


def pays(size: Sequence[int], pad: Sequence[int], weight: Tensor, window: Window, group: int) -> bool:
    """Whether filters are better multiplied so on maps of (H, W), padded by (rows, columns)."""
    if not fast.on() or not suits(weight, window, group):
        return False
    rows, columns = (-(-(length + 2 * beyond - 2) // TILE) for length, beyond in zip(size, pad, strict=True))
    least = next(tiles for channels, tiles in PAYS.items() if min(weight.shape[:2]) >= channels)
    return rows * columns >= least


def filtered(x: Tensor, weight: Tensor, bias: Tensor | None, pad: Sequence[int]) -> Tensor:
    """The top (N, K, H + 2 pad - 2, W + 2 pad - 2) of a bottom (N, C, H, W) and filters (K, C, 3, 3)."""
    above, beside = pad
    height, width = (length + 2 * beyond - 2 for length, beyond in zip(x.shape[2:], pad, strict=True))
    rows = TILE * max(WORKSPACE // (VALUE_BYTES * SUMS * -(-width // TILE) * sum(weight.shape[:2])), 1)
    if rows >= height:
        return _images(x, weight, bias, (above, beside))
    y = x.new_empty((len(x), len(weight), height, width))
    for first in range(0, height, rows):
        end = min(first + rows, height)
        y[:, :, first:end] = _images(_rows(x, first - above, end - above + 2), weight, bias, (0, beside))
    return y


def bottom_gradient(dy: Tensor, weight: Tensor, pad: Sequence[int]) -> Tensor:
    """The bottom's gradient of the top's: filters turned about, from top channels to bottom channels."""
    turned = weight.flip(2, 3).transpose(0, 1)
    return filtered(dy, turned.contiguous(), None, [2 - beyond for beyond in pad])


def _rows(x: Tensor, first: int, end: int) -> Tensor:
    """Rows of a map (N, C, H, W), from `first` to before `end`; those that lie beyond it are zero."""
    inside = slice(min(max(first, 0), x.shape[2]), max(min(end, x.shape[2]), 0))
    above = max(min(end, 0) - first, 0)
    below = end - first - above - max(inside.stop - inside.start, 0)
    return F.pad(x[:, :, inside], (0, 0, above, below))


def _images(x: Tensor, weight: Tensor, bias: Tensor | None, pad: Sequence[int]) -> Tensor:
    """One by one: for a batch NNPACK has another way, whose memory grows with the batch."""
    tops = [torch._nnpack_spatial_convolution(image, weight, bias, pad) for image in x.split(1)]
    return tops[0] if len(tops) == 1 else torch.cat(tops)


@cache
def _is_available() -> bool:
    """Whether NNPACK is there; it has to be asked before it computes."""
    return hasattr(torch, "_nnpack_spatial_convolution") and torch._nnpack_available()
