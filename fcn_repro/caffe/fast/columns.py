"""Multiply matrices for the gradients of a convolution that has many more filters than places to put them.

A library of convolutions puts filters into an order of its own for that, and their gradient back into C's. For VGG-16's
fc6 it moves 411 MB twice, and holds them twice, to meet a map of 1 MB. Caffe's own way moves the map instead: what each
place sees becomes a column (im2col), and the filters, one in a row, are multiplied where they lie. On an image of
500x500 that takes four fifths of the time; forward it would take a quarter more, so there the library stays.

Holds    on the CPU; over two axes, of one group; where filters are LARGE and outweigh the columns by RATIO
Shapes   columns (N, C * kernel, P): N maps of C channels, P places that a filter is put at, the top's cells
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from fcn_repro.caffe import fast
from fcn_repro.caffe.layers.geometry import Window
from fcn_repro.caffe.precision import factor

LARGE = 1 << 24  # numbers, 64 MB: more than caches hold
RATIO = 4  # numbers in the filters for one in the columns


def pay(x: Tensor, dy: Tensor, weight: Tensor, group: int) -> bool:
    """Whether gradients are better made so: x is a bottom (N, C, H, W), dy its top's gradient, weight (K, C, ...)."""
    if not fast.on() or group != 1 or x.dim() != 4 or x.is_cuda:
        return False
    places = dy.numel() // len(weight)
    return weight.numel() >= LARGE and len(weight) >= RATIO * places


def gradients(
    x: Tensor, dy: Tensor, weight: Tensor, window: Window, wanted: Sequence[bool]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Of the bottom, the filters and the bias, those that are wanted; `dy` is the top's."""
    dx, d_weight, d_bias = wanted
    matrix, flat = factor(weight).flatten(1), factor(dy).flatten(2)
    return (
        _added(torch.stack([matrix.t() @ each for each in flat]).to(x.dtype), x, window) if dx else None,
        _product(flat, factor(_columns(x, window))).view(weight.shape) if d_weight else None,
        dy.sum((0, 2, 3)) if d_bias else None,
    )


def _product(flat: Tensor, columns: Tensor) -> Tensor:
    """The sum over the maps of dy (K, P) times what the places saw (P, C * kernel)."""
    return flat.transpose(0, 1).flatten(1) @ columns.transpose(1, 2).flatten(0, 1)


def _columns(x: Tensor, window: Window) -> Tensor:
    return x.flatten(2) if _is_pointwise(window) else F.unfold(x, **_as_torch_says(window))


def _added(columns: Tensor, x: Tensor, window: Window) -> Tensor:
    if _is_pointwise(window):
        return columns.view(x.shape)
    return F.fold(columns, x.shape[2:], **_as_torch_says(window))


def _is_pointwise(window: Window) -> bool:
    return set(window.kernel + window.stride) == {1} and set(window.pad) == {0}


def _as_torch_says(window: Window) -> dict[str, tuple[int, ...]]:
    return {
        "kernel_size": window.kernel,
        "dilation": window.dilation,
        "padding": window.pad,
        "stride": window.stride,
    }
