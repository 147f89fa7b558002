"""Walk over a parameter piece by piece, so that all the passes of an update find its numbers in the cache.

VGG-16's 134 million parameters, their gradients and their history are 1.6 GB. An update is five element-by-element
passes over them; done one whole tensor after another, every pass fetches all of it from memory again.

Holds    always: an update of any solver type treats every element on its own, so the numbers are the same to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from fcn_repro.caffe import fast

PIECE = 1 << 16  # elements: 256 kB of each of the tensors


def in_pieces(tensors: Sequence[Tensor]) -> Iterator[Sequence[Tensor]]:
    """Tensors of one shape, cut alike into views of at most PIECE elements; whole where they are small or on a GPU."""
    first = tensors[0]
    if not fast.on() or first.is_cuda or first.numel() <= PIECE or not all(t.is_contiguous() for t in tensors):
        yield tensors
        return
    yield from zip(*(t.view(-1).split(PIECE) for t in tensors), strict=True)
