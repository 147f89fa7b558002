"""Multiply less where filters of 3x3 slide over large maps of many channels: Winograd's minimal filtering.

A tile of 6x6 cells of a top is made of 9 products a cell, 324 for each pair of channels. Between sums of its 8x8 cells
of the bottom and sums of the filter, 64 are enough, and their sums give the tile. Sums cost little where they serve
many channels. NNPACK, a library that torch brings along, does so, and takes a third to two thirds of oneDNN's time.

The gradient of a filter slides the other way round: a tile of 6x6 cells of the top's gradient over 8x8 cells of the
bottom gives 3x3 numbers, by 64 products again. NNPACK is not asked for that by torch, so matrices are multiplied here.

Holds    on the CPU, for numbers of float32; stride and dilation 1, one group; between so many channels, and for so
         many tiles of an image, as PAYS and FILTERS_PAY say; where torch was built with NNPACK and the processor has
         what that needs. With PRECISION=bf16 while blobs are float32, which they are in training, and not on AMX
Differs  by rounding: a top or a gradient by 1.5e-5 of its largest number, at most, and scores of VGG-16 no more than by
         oneDNN, 4e-6 from exact ones. What is no number spreads over its tile, and not only as far as filters reach
Memory   tiles are sums apart until all are there: a map is gone through in bands of rows that take WORKSPACE bytes at
         most. NNPACK keeps that memory, and the number of threads that torch had when it was first used
Source   Lavin and Gray, Fast algorithms for convolutional neural networks, arXiv 1509.09308: F(6x6, 3x3), F(3x3, 6x6)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from fcn_repro.caffe import kernels
from fcn_repro.caffe.layers.vision.conv_window import Window
from fcn_repro.caffe.precision import has_amx, precision
from fcn_repro.system.memory import VALUE_BYTES

Paying = Mapping[torch.dtype, Mapping[float, int]]

TILE, SUMS = 6, 64  # cells to a side of a tile of the top; numbers that its part of the bottom is turned into
# From so many products for a sum, and tiles, on it was faster than by factors of that type, on the machine of
# docs/performance.md. Between 128 channels and 256 there are 128 * 256 products for 128 + 256 sums: 85.
PAYS: Paying = {torch.float32: {64: 36, 32: 512}, torch.bfloat16: {85: 128}}
FILTERS_PAY: Paying = {torch.float32: {64: 64}, torch.bfloat16: {}}  # the same for gradients of filters
POINTS = (0, 1, -1, 2, -2, 1 / 2, -1 / 2)  # and infinity: where polynomials of tiles are multiplied
WORKSPACE = 1 << 27  # bytes


def suits(weight: Tensor, window: Window, group: int) -> bool:
    """Whether filters (K, C, ...) can be multiplied so here, on maps that are large enough."""
    return (
        (window.kernel, window.stride, window.dilation, group) == ((3, 3), (1, 1), (1, 1), 1)
        and max(window.pad) <= 2  # of more, NNPACK wants nothing, and the gradient would have less than none
        and (weight.device.type, weight.dtype) == ("cpu", torch.float32)
        and bool(_least_tiles(weight, PAYS))
        and _is_available()
    )


def pays(
    size: Sequence[int], pad: Sequence[int], weight: Tensor, window: Window, group: int, paying: Paying = PAYS
) -> bool:
    """Whether filters are better multiplied so on maps of (H, W), padded by (rows, columns)."""
    if not kernels.on() or not suits(weight, window, group):
        return False
    rows, columns = (-(-(length + 2 * beyond - 2) // TILE) for length, beyond in zip(size, pad, strict=True))
    enough = _least_tiles(weight, paying)
    return bool(enough) and rows * columns >= min(enough)


def filtered(x: Tensor, weight: Tensor, bias: Tensor | None, pad: Sequence[int]) -> Tensor:
    """The top (N, K, H + 2 pad - 2, W + 2 pad - 2) of a bottom (N, C, H, W) and filters (K, C, 3, 3)."""
    above, beside = pad
    height, width = (length + 2 * beyond - 2 for length, beyond in zip(x.shape[2:], pad, strict=True))
    rows = _rows_of_a_band(width, sum(weight.shape[:2]))
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


def filter_gradient(x: Tensor, dy: Tensor, pad: Sequence[int]) -> Tensor:
    """The filters' gradient (K, C, 3, 3), of a bottom (N, C, H, W) and its top's gradient (N, K, OH, OW)."""
    of_bottom, of_top, of_filters = _transforms()
    (above, beside), (height, width), channels = pad, dy.shape[2:], (dy.shape[1], x.shape[1])
    rows, beyond = _rows_of_a_band(width, sum(channels)), -width % TILE
    products = x.new_zeros(SUMS, *channels)
    for first in range(0, height, rows):
        end = min(first + rows, height)
        end += -(end - first) % TILE
        bottoms = F.pad(_rows(x, first - above, end - above + 2), (beside, beside + beyond))
        tops = F.pad(_rows(dy, first, end), (0, beyond))
        for bottom, top in zip(bottoms, tops, strict=True):
            products.baddbmm_(_sums(top, of_top, TILE), _sums(bottom, of_bottom, TILE + 2).transpose(1, 2))
    return (of_filters @ products.transpose(0, 1)).transpose(1, 2).reshape(*channels, 3, 3)


def _least_tiles(weight: Tensor, paying: Paying) -> list[int]:
    """How many tiles would be enough for filters (K, C, ...); none where no number is."""
    is_bf16 = precision() == "bf16"
    if is_bf16 and has_amx():
        return []
    known = paying[torch.bfloat16 if is_bf16 else torch.float32]
    filters, channels = weight.shape[:2]
    return [tiles for products, tiles in known.items() if filters * channels >= products * (filters + channels)]


def _rows_of_a_band(width: int, channels: int) -> int:
    """So many tiles from above to below as WORKSPACE holds of a top of that width, and of its bottom."""
    return TILE * max(WORKSPACE // (VALUE_BYTES * SUMS * -(-width // TILE) * channels), 1)


def _sums(x: Tensor, transform: Tensor, side: int) -> Tensor:
    """The sums (SUMS, C, tiles) of a map's (C, H, W) tiles, `side` cells wide, one every TILE cells."""
    tiles = x.unfold(1, side, TILE).unfold(2, side, TILE).reshape(-1, side * side)
    return (transform @ tiles.t()).view(SUMS, len(x), -1)


@cache
def _transforms() -> tuple[Tensor, Tensor, Tensor]:
    """Matrices that turn a bottom's tile into sums, a top's tile into sums, and products of sums into a filter.

    A row of 3 numbers times a row of 6 is a row of 8, if they are polynomials, and known by its values at 8 points.
    Read backwards, the product of 8 and 6 that leaves 3 is that of values, too: by the transposed of what leads from
    the 8 values to the 8 numbers, of the values of the 6, and of the values of the 3. A map's tile has two axes, so
    each matrix is multiplied by itself.
    """

    def values(terms: int) -> Tensor:
        at_points = [[float(point) ** power for power in range(terms)] for point in POINTS]
        return torch.tensor([*at_points, [0.0] * (terms - 1) + [1.0]], dtype=torch.float64)

    bottom, top, filters = torch.linalg.inv(values(TILE + 2)).t(), values(TILE), values(3).t()
    scale = (bottom.abs().sum(1) / top.abs().sum(1)).sqrt()[:, None]  # sums of one size round off least
    bottom, top, filters = (torch.kron(each, each).float() for each in (bottom / scale, top * scale, filters))
    return bottom, top, filters


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
