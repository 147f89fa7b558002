"""Channels-last memory layout for bfloat16 convolutions on the CPU, from the image on.

To its readers a blob is always in C order, (N, C, H, W). In memory the channels of a cell may still be neighbours:
oneDNN multiplies bfloat16 in that layout and copies every map in another, and torch then pools many channels at a
time. So a convolution on an image makes its top channels last, and layers that accept any layout (Layer.any_order)
keep their bottom's. A blob that Python or any other layer reads changes to C order.

Holds    with PRECISION=bf16, on the CPU, over two axes; from images (few channels) to the first filters for Winograd
Equal    up to the order of sums
"""

import torch
from torch import Tensor

from fcn_repro.caffe import kernels
from fcn_repro.caffe.precision import FEW_CHANNELS, precision


def start(x: Tensor) -> Tensor:
    """A bottom (N, C, H, W) for a convolution: channels last if it is an image in bf16 on the CPU, else unchanged."""
    is_image = x.device.type == "cpu" and x.dim() == 4 and x.shape[1] < FEW_CHANNELS
    if not is_image or not kernels.is_enabled() or precision() != "bf16":
        return x
    return x.contiguous(memory_format=torch.channels_last)


def memory_format_of(x: Tensor) -> torch.memory_format:
    """The memory layout of a map. Tensors of one operation should share it: libraries are slow on mixed layouts."""
    is_last = x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if is_last else torch.contiguous_format
