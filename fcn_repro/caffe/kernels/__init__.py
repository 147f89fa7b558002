"""Fast kernels for single layers. They know tensors and a ConvWindow, and nothing of layers, blobs or nets.

    winograd           3x3 convolutions of many channels on large maps: a fifth of the multiplications      CPU
    im2col_gemm        gradients where the weights or the output dominate; fc7 without AVX-512              CPU
    packed_filters     filters of a TEST net in oneDNN's order, packed once; ReLU fused                     CPU
    pairwise_pooling   2x2 max pooling as comparisons of whole rows and columns                             CPU
    channels_last      with PRECISION=bf16, channels-last memory layout from the image on                   CPU
    interpolation      deconvolution with filters that do not mix channels: one filter per channel          CPU, GPU
    pieces             updates and convolutions of large parameters piece by piece                          CPU
    malloc             freed activation memory stays with the process; fragmentation is trimmed             glibc
    primitive_cache    fewer primitives of oneDNN stay in memory, where a large net meets images of many sizes     CPU
    thread_waiting     threads that wait spin on idle cores and sleep on busy ones                          Linux

Promises
    - Results equal the plain path up to float rounding. `pieces` and the maxima of `pairwise_pooling` are bit-exact.
    - NaN and infinities stay, except as `winograd` (spreads NaN over a tile), `packed_filters` (bf16 images) and
      `interpolation` (no 0 * inf) document.
    - Each kernel checks its own conditions and leaves the plain path to the caller where they do not hold.
    - `PLAIN=1` in the environment, or `with kernels.disabled():`, takes the plain path everywhere. `malloc` has no
      switch: it changes no result. tests/caffe/kernels compares both paths.

The same switch controls fcn_repro/caffe/padding_cache, and Layer.forward_inplace and backward_inplace, by which ReLU
and Dropout change their blob in place. Two savings change no result and have no switch: net/backward_plan.py skips
gradients without a reader, and Solver.save_memory releases blobs after their last use.

Start with pairwise_pooling, the shortest complete example: `is_faster` decides, a function computes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_state = {"is_enabled": os.environ.get("PLAIN", "0") in ("", "0")}


def is_enabled() -> bool:
    """Whether the engine may use fast kernels and the padding cache."""
    return _state["is_enabled"]


@contextmanager
def disabled() -> Iterator[None]:
    """Take the plain path inside the block."""
    before = _state["is_enabled"]
    _state["is_enabled"] = False
    try:
        yield
    finally:
        _state["is_enabled"] = before
