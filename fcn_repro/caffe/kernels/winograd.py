"""3x3 convolutions of many channels on large maps by Winograd's minimal filtering: a fifth of the multiplications.

A direct convolution takes 9 products per cell, 324 for a tile of 6x6 cells and each pair of channels. Winograd turns
the tile's 8x8 bottom cells and the filter into 64 sums each; 64 products of these sums give the tile. The transforms
cost little where many channels share them. NNPACK, which torch ships, takes a third to two thirds of oneDNN's time.

The gradient of a filter swaps the roles: a tile of 6x6 cells of the top's gradient slides over 8x8 bottom cells and
gives 3x3 numbers, again by 64 products. torch does not offer NNPACK for this, so matrix products compute it here.

Holds    on the CPU, in float32, with stride and dilation 1 and one group; from the channels and tiles per image on that
         FASTER_FROM and GRADIENT_FASTER_FROM list; where torch has NNPACK and the processor supports it. With
         PRECISION=bf16 only while blobs are float32, as in training, and not on AMX
Differs  by rounding: by at most 1.5e-5 of a top's or gradient's largest magnitude. Scores of VGG-16 are as close to the
         exact ones as oneDNN's, 4e-6. NaN, infinities and rounding error spread over their whole tile, beyond the
         receptive field
Memory   sums of all tiles exist at once, so a map is computed in bands of rows that take at most WORKSPACE bytes.
         NNPACK keeps that memory, and the thread count that torch had at its first use
Source   Lavin and Gray, Fast algorithms for convolutional neural networks, arXiv 1509.09308: F(6x6, 3x3), F(3x3, 6x6)
"""

from collections.abc import Mapping, Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from fcn_repro.caffe import kernels
from fcn_repro.caffe.precision import has_amx, precision
from fcn_repro.layer_params.conv_window import ConvWindow
from fcn_repro.system.memory import VALUE_BYTES

Thresholds = Mapping[torch.dtype, Mapping[float, int]]

TILE, SUMS = 6, 64  # cells to a side of a tile of the top; sums per tile
# Type of the products otherwise -> {products per sum: least tiles}, measured on the machine of docs/performance.md.
# From 128 channels to 256 there are 128 * 256 products for 128 + 256 sums: 85.
FASTER_FROM: Thresholds = {torch.float32: {64: 36, 32: 512}, torch.bfloat16: {85: 128}}
GRADIENT_FASTER_FROM: Thresholds = {torch.float32: {64: 64}, torch.bfloat16: {}}  # for gradients of filters
POINTS = (0, 1, -1, 2, -2, 1 / 2, -1 / 2)  # and infinity: where the tiles' polynomials are evaluated
WORKSPACE = 1 << 27  # bytes


def is_applicable(weight: Tensor, window: ConvWindow, group: int) -> bool:
    """Whether filters (K, C, ...) can be convolved here, and it is faster on large enough maps."""
    return (
        (window.kernel, window.stride, window.dilation, group) == ((3, 3), (1, 1), (1, 1), 1)
        and max(window.pad) <= 2  # NNPACK takes no more, and the gradient's pad, 2 - pad, must not be negative
        and (weight.device.type, weight.dtype) == ("cpu", torch.float32)
        and bool(_list_least_tiles(weight, FASTER_FROM))
        and _is_available()
    )


def is_faster(
    size: Sequence[int],
    pad: Sequence[int],
    weight: Tensor,
    window: ConvWindow,
    group: int,
    thresholds: Thresholds = FASTER_FROM,
) -> bool:
    """Whether Winograd is faster on maps of (H, W), padded by (rows, columns)."""
    if not kernels.is_enabled() or not is_applicable(weight, window, group):
        return False
    rows, columns = (-(-(length + 2 * beyond - 2) // TILE) for length, beyond in zip(size, pad, strict=True))
    least_tiles = _list_least_tiles(weight, thresholds)
    return bool(least_tiles) and rows * columns >= min(least_tiles)


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, pad: Sequence[int]) -> Tensor:
    """The top (N, K, H + 2 pad - 2, W + 2 pad - 2) of a bottom (N, C, H, W) and filters (K, C, 3, 3)."""
    above, beside = pad
    height, width = (length + 2 * beyond - 2 for length, beyond in zip(x.shape[2:], pad, strict=True))
    rows = _count_band_rows(width, sum(weight.shape[:2]))
    if rows >= height:
        return _convolve_images(x, weight, bias, (above, beside))
    y = x.new_empty((len(x), len(weight), height, width))
    for first in range(0, height, rows):
        end = min(first + rows, height)
        band = _take_rows(x, first - above, end - above + 2)
        y[:, :, first:end] = _convolve_images(band, weight, bias, (0, beside))
    return y


def compute_bottom_gradient(dy: Tensor, weight: Tensor, pad: Sequence[int]) -> Tensor:
    """The bottom's gradient from the top's: a convolution by the flipped, transposed filters."""
    flipped = weight.flip(2, 3).transpose(0, 1)
    return convolve(dy, flipped.contiguous(), None, [2 - beyond for beyond in pad])


def compute_filter_gradient(x: Tensor, dy: Tensor, pad: Sequence[int]) -> Tensor:
    """The filters' gradient (K, C, 3, 3) from a bottom (N, C, H, W) and its top's gradient (N, K, OH, OW)."""
    from_bottom, from_top, to_filters = _make_transforms()
    (above, beside), (height, width), channels = pad, dy.shape[2:], (dy.shape[1], x.shape[1])
    rows, beyond = _count_band_rows(width, sum(channels)), -width % TILE
    products = x.new_zeros(SUMS, *channels)
    for first in range(0, height, rows):
        end = min(first + rows, height)
        end += -(end - first) % TILE
        bottoms = F.pad(_take_rows(x, first - above, end - above + 2), (beside, beside + beyond))
        tops = F.pad(_take_rows(dy, first, end), (0, beyond))
        for bottom, top in zip(bottoms, tops, strict=True):
            products.baddbmm_(
                _transform(top, from_top, TILE), _transform(bottom, from_bottom, TILE + 2).transpose(1, 2)
            )
    return (to_filters @ products.transpose(0, 1)).transpose(1, 2).reshape(*channels, 3, 3)


def _list_least_tiles(weight: Tensor, thresholds: Thresholds) -> list[int]:
    """Tile counts from which Winograd is faster for filters (K, C, ...); empty where it never is."""
    is_bf16 = precision() == "bf16"
    if is_bf16 and has_amx():
        return []
    known = thresholds[torch.bfloat16 if is_bf16 else torch.float32]
    filters, channels = weight.shape[:2]
    return [tiles for products, tiles in known.items() if filters * channels >= products * (filters + channels)]


def _count_band_rows(width: int, channels: int) -> int:
    """Rows of a top of that width whose sums, and those of its bottom, fit into WORKSPACE: a multiple of TILE."""
    return TILE * max(WORKSPACE // (VALUE_BYTES * SUMS * -(-width // TILE) * channels), 1)


def _transform(x: Tensor, matrix: Tensor, side: int) -> Tensor:
    """The sums (SUMS, C, tiles) of a map's (C, H, W) tiles, `side` cells wide, one every TILE cells."""
    tiles = x.unfold(1, side, TILE).unfold(2, side, TILE).reshape(-1, side * side)
    return (matrix @ tiles.t()).view(SUMS, len(x), -1)


@cache
def _make_transforms() -> tuple[Tensor, Tensor, Tensor]:
    """Matrices that turn a bottom's tile into sums, a top's tile into sums, and products of sums into a filter.

    In one dimension, a polynomial of 3 coefficients times one of 6 has 8 coefficients, which its values at 8 points
    determine. The transposed map takes 8 and 6 numbers to 3, again by products of values. It uses the transposed
    interpolation from 8 values to 8 coefficients, the evaluation of 6 and the transposed evaluation of 3. A map's tile
    has two axes, so each matrix is the Kronecker product with itself.
    """

    def evaluate(terms: int) -> Tensor:
        at_points = [[float(point) ** power for power in range(terms)] for point in POINTS]
        return torch.tensor([*at_points, [0.0] * (terms - 1) + [1.0]], dtype=torch.float64)

    bottom, top, filters = torch.linalg.inv(evaluate(TILE + 2)).t(), evaluate(TILE), evaluate(3).t()
    scale = (bottom.abs().sum(1) / top.abs().sum(1)).sqrt()[:, None]  # sums of similar size have the least rounding
    bottom, top, filters = (torch.kron(each, each).float() for each in (bottom / scale, top * scale, filters))
    return bottom, top, filters


def _take_rows(x: Tensor, first: int, end: int) -> Tensor:
    """Rows `first` to `end` (excluded) of a map (N, C, H, W); rows beyond it are zero."""
    inside = slice(min(max(first, 0), x.shape[2]), max(min(end, x.shape[2]), 0))
    above = max(min(end, 0) - first, 0)
    below = end - first - above - max(inside.stop - inside.start, 0)
    return F.pad(x[:, :, inside], (0, 0, above, below))


def _convolve_images(x: Tensor, weight: Tensor, bias: Tensor | None, pad: Sequence[int]) -> Tensor:
    """Convolve image by image: for a batch NNPACK uses another algorithm, whose memory grows with the batch."""
    tops = [torch._nnpack_spatial_convolution(image, weight, bias, pad) for image in x.split(1)]
    return tops[0] if len(tops) == 1 else torch.cat(tops)


@cache
def _is_available() -> bool:
    """Whether NNPACK works here; asking also initialises it."""
    return hasattr(torch, "_nnpack_spatial_convolution") and torch._nnpack_available()
