"""Let channels come last in memory where bfloat16 is multiplied, from the picture on.

A blob is in C order, (N, C, H, W), for whoever looks at it. In memory the channels of a cell may lie side by side all
the same: oneDNN multiplies bfloat16 in that order, and copies every map that comes in another; torch pools many
channels at a time. So a convolution that sees a picture makes its top so, and layers that take any order
(Layer.any_order) make theirs like their bottoms. A blob that another layer reads, or Python, turns to C order.

Holds    with PRECISION=bf16, on the CPU, over two axes; from pictures of few channels to filters that are Winograd's
Equal    but for the order of sums
"""

from __future__ import annotations

import torch
from torch import Tensor

from fcn_repro.caffe import kernels
from fcn_repro.caffe.precision import FEW_CHANNELS, precision


def begun(x: Tensor) -> Tensor:
    """A bottom (N, C, H, W) as a convolution is to see it: channels last if it is a picture's, else as it is."""
    if (
        not kernels.on()
        or precision() != "bf16"
        or x.device.type != "cpu"
        or x.dim() != 4
        or x.shape[1] >= FEW_CHANNELS
    ):
        return x
    return x.contiguous(memory_format=torch.channels_last)


def order(x: Tensor) -> torch.memory_format:
    """How a map lies; what goes with it is to lie alike, as libraries that are given two orders are slow."""
    is_last = x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if is_last else torch.contiguous_format
