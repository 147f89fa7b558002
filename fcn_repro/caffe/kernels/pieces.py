"""Large parameters in pieces: updates stay in the cache, convolutions reorder few filters at a time.

VGG-16's 134 million parameters, their gradients and their history take 1.6 GB. An update makes five elementwise passes
over them; tensor by tensor, each pass reads all of it from memory. And oneDNN copies filters into its own order, 411 MB
more for fc6.

Holds    on the CPU. All solver types update each element independently, and a convolution computes each filter
         independently, so the results are bit-identical.
"""

from collections.abc import Iterator, Sequence
from itertools import repeat

from torch import Tensor

from fcn_repro.caffe import kernels

PIECE = 1 << 16  # elements: 256 kB of each tensor
FILTERS = 1 << 24  # elements: 64 MB of filters
FILTER_MULTIPLE = 64  # libraries compute several filters at a time


def split_elements(tensors: Sequence[Tensor]) -> Iterator[Sequence[Tensor]]:
    """Tensors of one shape as views of at most PIECE elements each; whole where they are small or on a GPU."""
    first = tensors[0]
    is_small = first.is_cuda or first.numel() <= PIECE
    if is_small or not kernels.is_enabled() or not all(tensor.is_contiguous() for tensor in tensors):
        yield tensors
        return
    yield from zip(*(tensor.view(-1).split(PIECE) for tensor in tensors), strict=True)


def count_filters_per_piece(weight: Tensor) -> int:
    """How many filters of (K, C, ...) make a piece."""
    return max(FILTERS // weight[0].numel() // FILTER_MULTIPLE * FILTER_MULTIPLE, FILTER_MULTIPLE)


def split_filters(weight: Tensor, bias: Tensor | None, group: int = 1) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Filters (K, C, ...) and biases (K) as views; whole where they are few, in groups or on a GPU."""
    if not kernels.is_enabled() or weight.is_cuda or weight.numel() <= FILTERS or group > 1:
        yield weight, bias
        return
    count = count_filters_per_piece(weight)
    yield from zip(weight.split(count), repeat(None) if bias is None else bias.split(count), strict=False)
