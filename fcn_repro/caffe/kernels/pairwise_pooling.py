"""Pool maxima by windows of 2x2, side by side, pair by pair: every second column with the next, and rows alike.

torch's own pooling looks at one cell after another unless channels come last in memory; pairs are compared many at a
time. With the winners, which TRAIN needs, that takes half to two thirds of the time; without, a sixth. Channels last
torch is as fast, but for bfloat16, which it takes twice as long for.

Holds    on the CPU; windows of 2x2, a stride of 2, no padding; channels first in memory, or last and of bfloat16
Memory   half of the bottom for as long as it takes; with winners all of it where a side is odd
Equal    but for the sign of a zero. So are winners: the first in row-major order, or the last that is no number
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from fcn_repro.caffe import kernels
from fcn_repro.caffe.kernels.channels_last import order

Pair = tuple[int, ...]  # rows, columns

WINDOW = (2, 2), (2, 2), (0, 0)  # kernel, stride, pad


def pay(x: Tensor, kernel: Pair, stride: Pair, pad: Pair) -> bool:
    """Whether maxima of a map (N, C, H, W) are better found so."""
    lies_well = x.is_contiguous() or (x.dtype == torch.bfloat16 and order(x) == torch.channels_last)
    return kernels.on() and x.device.type == "cpu" and lies_well and (kernel, stride, pad) == WINDOW


def largest(x: Tensor) -> Tensor:
    """The largest of each window, (N, C, OH, OW), sizes rounded up."""
    nearer, farther = (3, 2) if order(x) == torch.channels_last else (2, 3)  # the neighbours that lie in one piece
    return _larger(_larger(x, nearer), farther)


def maxima(x: Tensor) -> tuple[Tensor, Tensor]:
    """The same; and where in its plane each was: h * W + w, int64."""
    height, width = x.shape[2:]
    left, right = _halves(_even(x), 3)
    above, below = _halves(torch.maximum(left, right), 2)
    is_below = _beats(below, above)
    of_above, of_below = _halves(_beats(right, left), 2)
    is_right = of_above ^ ((of_above ^ of_below) & is_below)  # torch.where, but many at a time
    first = torch.arange(0, height, 2)[:, None] * width + torch.arange(0, width, 2)
    return torch.maximum(above, below), (first + is_right).add_(is_below, alpha=width)


def _larger(x: Tensor, axis: int) -> Tensor:
    """Of every two neighbours along an axis; the last one where it has none."""
    first, second = _halves(x, axis)
    count = second.shape[axis]
    larger = torch.maximum(first.narrow(axis, 0, count), second)
    return larger if first.shape[axis] == count else torch.cat([larger, first.narrow(axis, count, 1)], axis)


def _beats(later: Tensor, earlier: Tensor) -> Tensor:
    return (later > earlier) | (later != later)  # what is no number wins


def _even(x: Tensor) -> Tensor:
    """With a row and a column that win nothing, where sides are odd."""
    height, width = x.shape[2:]
    return F.pad(x, (0, width % 2, 0, height % 2), value=-math.inf) if height % 2 or width % 2 else x


def _halves(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """What is at even places along an axis, and at odd ones."""
    before = (slice(None),) * axis
    return x[(*before, slice(0, None, 2))], x[(*before, slice(1, None, 2))]
