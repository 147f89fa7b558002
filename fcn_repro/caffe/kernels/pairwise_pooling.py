"""Max pooling over 2x2 windows with stride 2: compare every second column with the next, then rows alike.

torch's pooling takes one cell after the other unless the layout is channels last; comparing whole rows and columns is
vectorised. With winners, which TRAIN needs, this takes half to two thirds of torch's time; without, a sixth. In
channels-last layout torch is as fast, but takes twice as long for bfloat16.

Holds    on the CPU; kernel 2, stride 2, no padding; C order, or channels last with bfloat16
Memory   half of the bottom while it runs; with winners, all of it where a side is odd
Equal    up to the sign of zero. Winners are equal too: the first maximum in row-major order, or the last NaN
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from fcn_repro.caffe import kernels
from fcn_repro.caffe.kernels.channels_last import memory_format_of

Pair = tuple[int, ...]  # rows, columns

WINDOW = (2, 2), (2, 2), (0, 0)  # kernel, stride, pad


def is_faster(x: Tensor, kernel: Pair, stride: Pair, pad: Pair) -> bool:
    """Whether these functions apply to a map (N, C, H, W) and this window, and are faster."""
    is_fast_layout = x.is_contiguous() or (x.dtype == torch.bfloat16 and memory_format_of(x) == torch.channels_last)
    return kernels.is_enabled() and x.device.type == "cpu" and is_fast_layout and (kernel, stride, pad) == WINDOW


def compute_maxima(x: Tensor) -> Tensor:
    """The maximum of each window, (N, C, OH, OW), sizes rounded up."""
    first_axis, second_axis = (3, 2) if memory_format_of(x) == torch.channels_last else (2, 3)  # contiguous runs first
    return _reduce_pairs(_reduce_pairs(x, first_axis), second_axis)


def compute_maxima_and_winners(x: Tensor) -> tuple[Tensor, Tensor]:
    """The maximum of each window, and its position in its plane, h * W + w, int64."""
    height, width = x.shape[2:]
    left, right = _split_pairs(_pad_to_even(x), 3)
    above, below = _split_pairs(torch.maximum(left, right), 2)
    is_below = _beats(below, above)
    is_right_above, is_right_below = _split_pairs(_beats(right, left), 2)
    is_right = is_right_above ^ ((is_right_above ^ is_right_below) & is_below)  # torch.where, but vectorised
    first = torch.arange(0, height, 2)[:, None] * width + torch.arange(0, width, 2)
    return torch.maximum(above, below), (first + is_right).add_(is_below, alpha=width)


def _reduce_pairs(x: Tensor, axis: int) -> Tensor:
    """The maximum of every two neighbours along an axis; an odd last one stays."""
    first, second = _split_pairs(x, axis)
    count = second.shape[axis]
    larger = torch.maximum(first.narrow(axis, 0, count), second)
    return larger if first.shape[axis] == count else torch.cat([larger, first.narrow(axis, count, 1)], axis)


def _beats(later: Tensor, earlier: Tensor) -> Tensor:
    return (later > earlier) | (later != later)  # NaN wins


def _pad_to_even(x: Tensor) -> Tensor:
    height, width = x.shape[2:]
    return F.pad(x, (0, width % 2, 0, height % 2), value=-math.inf) if height % 2 or width % 2 else x


def _split_pairs(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """The even and the odd positions along an axis."""
    before = (slice(None),) * axis
    return x[(*before, slice(0, None, 2))], x[(*before, slice(1, None, 2))]
