"""Precision of products in convolutions: `PRECISION=f32` (as Caffe), `tf32` or `bf16` in the environment.

f32     23 bits of mantissa, everywhere
tf32    10 bits in products on GPUs with tensor cores, f32 elsewhere
bf16    7 bits in products of convolutions, sums in f32. Blobs, gradients, history and updates stay float32, so that
        updates of 1e-14 are not lost. Fast with AVX-512 BF16, AMX and GPUs since 2020; emulated and slow elsewhere.
        Filters with few channels or few 1x1 outputs stay f32: this costs no time and keeps images, interpolation and
        scores exact. A frozen filter on an image uses the sum of two bf16, nearly as exact (kernels/packed_filters.py)

Scores with f32 equal Caffe's to 1e-5. Scores with tf32 or bf16 do not, and reports mark them.
"""

from __future__ import annotations

import math
import os
from functools import cache

import torch
from torch import Tensor

from fcn_repro.caffe.errors import CaffeError

PRECISIONS = ("f32", "tf32", "bf16")
FEW_CHANNELS = 8  # channels per filter, below which bf16 gains nothing
FEW_SCORES = 64  # 1x1 filters, below which bf16 gains nothing


def precision() -> str:
    """Return the precision that the environment asks for.

    Raises   CaffeError for an unknown name
    """
    name = os.environ.get("PRECISION") or "f32"
    if name not in PRECISIONS:
        raise CaffeError(f"PRECISION: got {name!r}; expected one of {', '.join(PRECISIONS)}")
    return name


def product_dtype(filters: Tensor) -> torch.dtype:
    """Return the type in which filters (K, C, ...) and their inputs are multiplied."""
    filter_count, channels, *kernel = filters.shape
    is_small = channels < FEW_CHANNELS or (filter_count < FEW_SCORES and math.prod(kernel) == 1)
    return torch.bfloat16 if precision() == "bf16" and not is_small else filters.dtype


@cache
def has_amx() -> bool:
    """Return whether the processor multiplies bfloat16 matrices in hardware tiles, several times faster than f32."""
    return hasattr(torch.cpu, "_is_amx_tile_supported") and torch.cpu._is_amx_tile_supported()


def allow_tf32() -> None:
    """Let CUDA's libraries use tf32 if and only if PRECISION=tf32."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision() == "tf32"
