"""Walk over a parameter piece by piece: updates find its numbers in the cache, convolutions put few in order at once.

VGG-16's 134 million parameters, their gradients and their history are 1.6 GB. An update is five element-by-element
passes over them; done one whole tensor after another, every pass fetches all of it from memory again. And a library of
convolutions copies filters into an order of its own: of fc6 that is 411 MB beside those that are there.

Holds    on the CPU: an update of any solver type treats every element on its own, and so does a convolution each
         filter; the numbers are the same to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat

from torch import Tensor

from fcn_repro.caffe import kernels

PIECE = 1 << 16  # elements: 256 kB of each of the tensors
FILTERS = 1 << 24  # elements: 64 MB of filters
TOGETHER = 64  # filters, of which a library multiplies several at a time


def in_pieces(tensors: Sequence[Tensor]) -> Iterator[Sequence[Tensor]]:
    """Tensors of one shape, cut alike into views of at most PIECE elements; whole where they are small or on a GPU."""
    first = tensors[0]
    if not kernels.on() or first.is_cuda or first.numel() <= PIECE or not all(t.is_contiguous() for t in tensors):
        yield tensors
        return
    yield from zip(*(t.view(-1).split(PIECE) for t in tensors), strict=True)


def filters_together(weight: Tensor) -> int:
    """How many filters of (K, C, ...) to take at once."""
    return max(FILTERS // weight[0].numel() // TOGETHER * TOGETHER, TOGETHER)


def of_filters(weight: Tensor, bias: Tensor | None, group: int = 1) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Filters (K, C, ...) and their biases (K) as views of some; whole where they are few, in groups or on a GPU."""
    if not kernels.on() or weight.is_cuda or weight.numel() <= FILTERS or group > 1:
        yield weight, bias
        return
    count = filters_together(weight)
    yield from zip(weight.split(count), repeat(None) if bias is None else bias.split(count), strict=False)
