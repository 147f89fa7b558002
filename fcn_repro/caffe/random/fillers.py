"""Fillers: initial values of parameter blobs, drawn on the host in every mode, so that one seed gives equal weights.

Source   caffe 9b89154 filler.hpp
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.random import rng
from fcn_repro.caffe.synced_memory import Shape
from fcn_repro.system.memory import VALUE_BYTES

if TYPE_CHECKING:
    from fcn_repro.caffe.proto.caffe_pb2 import FillerParameter

NOT_SPARSE = -1
LARGE = 1 << 20  # elements


def fill(param: FillerParameter, shape: Shape) -> Tensor:
    """Return initial values for a blob of `shape`, float32 on the CPU.

    Raises   CaffeError for an unknown type, an unsuitable shape, or parameters out of range
    """
    if param.type not in FILLERS:
        raise CaffeError(f"unknown filler type {param.type!r}; known types: {', '.join(FILLERS)}")
    if param.sparse != NOT_SPARSE and param.type != "gaussian":
        raise CaffeError(f"filler {param.type!r} has sparse: {param.sparse}; only gaussian may be sparse")
    if 0 in shape:
        raise CaffeError(f"filler {param.type!r}: got an empty blob of shape {list(shape)}")
    return torch.from_numpy(FILLERS[param.type](param, shape))


def constant(param: FillerParameter, shape: Shape) -> np.ndarray:
    """Fill with `value`; draws nothing."""
    if param.value == 0:
        return _zeros(shape)
    return np.full(shape, param.value, np.float32)


def _zeros(shape: Shape) -> np.ndarray:
    """Zeros that take memory only once something is written there; many are replaced by weights, or never used.

    Large ones get pages of their own, as the heap (kernels/malloc.py) would have to clear its pages now.
    """
    count = math.prod(shape)
    if count < LARGE or not hasattr(mmap, "MAP_ANONYMOUS"):
        return np.zeros(shape, np.float32)
    pages = mmap.mmap(-1, VALUE_BYTES * count, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(pages, np.float32).reshape(shape)


def uniform(param: FillerParameter, shape: Shape) -> np.ndarray:
    """Draw uniformly from `min` to `max`."""
    if param.min > param.max:
        raise CaffeError(f"filler 'uniform' has min {param.min} above max {param.max}")
    return rng.host().uniform(shape, param.min, param.max)


def gaussian(param: FillerParameter, shape: Shape) -> np.ndarray:
    """Draw from a normal distribution; `sparse` is the mean number of non-zero inputs per output."""
    values = _normal(shape, param.mean, param.std)
    if param.sparse == NOT_SPARSE:
        return values
    kept = np.float32(param.sparse) / np.float32(_axis(shape, 0))
    if not 0 <= kept <= 1:
        raise CaffeError(f"filler 'gaussian' has sparse: {param.sparse}; expected 0 to axis 0 of {list(shape)}")
    return values * rng.host().bernoulli(shape, kept)


def positive_unitball(param: FillerParameter, shape: Shape) -> np.ndarray:
    """Draw positive values with sum 1 in each row of axis 0."""
    rows = rng.host().uniform(shape).reshape(_axis(shape, 0), -1)
    totals = np.add.accumulate(rows, axis=1)[:, -1:]  # in sequence, as Caffe's loop rounds
    return (rows / totals).reshape(shape)


def xavier(param: FillerParameter, shape: Shape) -> np.ndarray:
    """Draw uniformly with variance 1 / n, where `variance_norm` selects the fan n (Glorot and Bengio)."""
    scale = np.sqrt(np.float32(3) / _fan(param, shape))
    return rng.host().uniform(shape, -scale, scale)


def msra(param: FillerParameter, shape: Shape) -> np.ndarray:
    """Draw from a normal distribution with variance 2 / n, where `variance_norm` selects the fan n (He et al.)."""
    return _normal(shape, 0.0, np.sqrt(np.float32(2) / _fan(param, shape)))


def bilinear(param: FillerParameter, shape: Shape) -> np.ndarray:
    """Fill EVERY pair of input and output channels with the kernel of bilinear upsampling.

    Differs  FCN's surgery fills only the pairs (i, i); the two agree for a deconvolution with group: C
    """
    if len(shape) != 4 or shape[2] != shape[3]:
        raise CaffeError(f"filler 'bilinear' needs four axes and a square kernel; got the shape {list(shape)}")
    width = shape[3]
    factor = math.ceil(width / 2)
    centre = np.float32((width - 1) / (2 * factor))
    along = 1 - np.abs(np.arange(width, dtype=np.float32) / np.float32(factor) - centre)
    return np.broadcast_to(along[:, None] * along, shape).copy()


FILLERS: dict[str, Callable[[FillerParameter, Shape], np.ndarray]] = {
    function.__name__: function for function in (constant, uniform, gaussian, positive_unitball, xavier, msra, bilinear)
}


def _normal(shape: Shape, mean: float, std: float) -> np.ndarray:
    if std <= 0:
        raise CaffeError(f"a normal distribution needs a positive std; got {std}")
    return rng.host().gaussian(shape, mean, std)


def _fan(param: FillerParameter, shape: Shape) -> np.float32:
    """Return the number of inputs per output (FAN_IN), of outputs per input (FAN_OUT), or their mean (AVERAGE)."""
    count = math.prod(shape)
    fan_in = count // _axis(shape, 0)
    fan_out = count // shape[1] if len(shape) > 1 else count
    fans = {param.FAN_IN: fan_in, param.FAN_OUT: fan_out, param.AVERAGE: (fan_in + fan_out) / 2}
    return np.float32(fans[param.variance_norm])


def _axis(shape: Shape, axis: int) -> int:
    if len(shape) <= axis:
        raise CaffeError(f"this filler needs a blob with axis {axis}; got the shape {list(shape)}")
    return shape[axis]
