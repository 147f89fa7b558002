"""With how many bits convolutions multiply: `PRECISION=f32` (as Caffe does), `tf32` or `bf16` in the environment.

f32     23 bits of mantissa, everywhere
tf32    10 bits in products on GPUs that have tensor cores, and f32 elsewhere
bf16    7 bits in the products of convolutions, sums in f32. Blobs, gradients, history and updates stay float32, so that
        updates of 1e-14 are not lost. Quick where the machine multiplies bfloat16 (AVX-512 BF16, AMX, GPUs since 2020);
        elsewhere it is imitated, and slow. Filters that have little to multiply stay with f32, which is as quick there
        and keeps what labels are picked by: those of a picture, of interpolation, of scores. A picture's that stay for
        many are sums of two bf16 (fast/frozen_filters.py), nearly as fine

Scores of f32 are Caffe's to 1e-5; those of the others are not, and what was scored with them is marked.
"""

from __future__ import annotations

import math
import os
from functools import cache

import torch
from torch import Tensor

from fcn_repro.caffe.errors import CaffeError

PRECISIONS = ("f32", "tf32", "bf16")
FEW_CHANNELS = 8  # of a bottom, that a filter sees
FEW_SCORES = 64  # of a top, made of single cells


def precision() -> str:
    """What the environment asks for.

    Raises   CaffeError for a name that is none of them
    """
    name = os.environ.get("PRECISION") or "f32"
    if name not in PRECISIONS:
        raise CaffeError(f"PRECISION is {name!r}; expected one of {', '.join(PRECISIONS)}")
    return name


def factors(filters: Tensor) -> torch.dtype:
    """As what numbers filters (K, C, ...), and what they meet, are multiplied."""
    filter_count, channels, *kernel = filters.shape
    is_little = channels < FEW_CHANNELS or (filter_count < FEW_SCORES and math.prod(kernel) == 1)
    return torch.bfloat16 if precision() == "bf16" and not is_little else filters.dtype


@cache
def has_amx() -> bool:
    """Whether the processor multiplies matrices of bfloat16, several times as fast as float32."""
    return hasattr(torch.cpu, "_is_amx_tile_supported") and torch.cpu._is_amx_tile_supported()


def allow_tf32() -> None:
    """Let CUDA's libraries use it if, and only if, it is asked for."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision() == "tf32"
