"""Blob: a shape, a `data` buffer and a `diff` buffer.

Source   caffe 9b89154 blob.cpp (Reshape, ShareData, ShareDiff, ShapeEquals)
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from fcn_repro.caffe import mode
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.synced_memory import Shape, SyncedMemory
from fcn_repro.caffe.vectors import IntVec

MAX_AXES = 32
MAX_COUNT = 2**31 - 1


class LazyGradient(Protocol):
    """A gradient that is computed on demand."""

    def whole(self) -> Tensor:
        """Return the whole gradient."""

    def parts(self) -> Iterator[tuple[slice, Tensor]]:
        """Yield slices of the first axis and the gradient in each."""


class Blob:
    """The unit that layers exchange: values and their gradient, in C order, usually (N, C, H, W).

    Python sees numpy arrays (`data`, `diff`). Layers see tensors on the current device (`tensor`, `gradient`) and
    store results with `store` and `store_gradient`. Blobs may share either buffer.
    """

    def __init__(self, shape: Iterable[int] = (), dtype: torch.dtype = torch.float32) -> None:
        self._dtype = dtype
        self._dims: Shape = ()
        self._capacity = 0
        self._data = SyncedMemory(dtype)
        self._diff = SyncedMemory(dtype)
        self._lazy: tuple[Callable[[], None], LazyGradient] | None = None
        self.reshape(*shape)

    # -- shape ---------------------------------------------------------------------------------------------------

    @property
    def dims(self) -> Shape:
        """The shape as a tuple."""
        return self._dims

    @property
    def shape(self) -> IntVec:
        """The shape as pycaffe returns it."""
        return IntVec(self._dims)

    @property
    def count(self) -> int:
        """Number of elements; 1 for a blob without axes."""
        return math.prod(self._dims)

    # pycaffe's names of axes 0 to 3; 1 where the blob has fewer axes, CaffeError where it has more than four
    num = property(lambda self: self._legacy_axis(0))
    channels = property(lambda self: self._legacy_axis(1))
    height = property(lambda self: self._legacy_axis(2))
    width = property(lambda self: self._legacy_axis(3))

    def reshape(self, *dims: int, **named: int) -> None:
        """Change the shape. Content and sharing persist within the capacity; a larger shape starts from zeros.

        Raises   CaffeError for a negative dim, more than 32 axes, more elements than Caffe can count, or a dim by name;
                 TypeError for a dim that is not an integer
        """
        _refuse_names("Blob.reshape", named)
        dims = tuple(operator.index(d) for d in dims)
        if dims == self._dims and self._capacity:
            return
        counts = list(itertools.accumulate(dims, operator.mul, initial=1))  # Caffe checks each axis, so also before a 0
        if len(dims) > MAX_AXES or any(d < 0 for d in dims) or max(counts) > MAX_COUNT:
            raise CaffeError(
                f"a blob cannot have the shape {list(dims)}; expected at most {MAX_AXES} axes, none negative, "
                f"and at most {MAX_COUNT} elements (C's INT_MAX)"
            )
        self._dims = dims
        if counts[-1] > self._capacity:
            self._capacity = counts[-1]
            self._data = SyncedMemory(self._dtype)
            self._diff = SyncedMemory(self._dtype)

    def _legacy_axis(self, axis: int) -> int:
        if len(self._dims) > 4:
            raise CaffeError(f"num, channels, height, width do not apply to a blob of {len(self._dims)} axes")
        return self._dims[axis] if axis < len(self._dims) else 1

    # -- for Python ----------------------------------------------------------------------------------------------

    @property
    def data(self) -> np.ndarray:
        """The values as a live, writable numpy array."""
        return self._data.view(self._dims)

    @property
    def diff(self) -> np.ndarray:
        """The gradient as a live, writable numpy array."""
        return self._diff.view(self._dims)

    # -- for layers: values --------------------------------------------------------------------------------------

    @property
    def tensor(self) -> Tensor:
        """The values on the current device, in C order; changes in place change the blob."""
        return self._data.read(self._dims, mode.device())

    @property
    def tensor_any_order(self) -> Tensor:
        """The values with the strides they were stored with."""
        return self._data.read(self._dims, mode.device(), any_order=True)

    @property
    def memory(self) -> SyncedMemory:
        """The data buffer; blobs that share data have the same one."""
        return self._data

    @property
    def version(self) -> tuple[int, ...] | None:
        """Equal versions mean equal values; None while a numpy view exists."""
        return self._data.version

    @property
    def is_blank(self) -> bool:
        """Whether the values are still the initial zeros."""
        return self._data.is_blank

    def store(self, tensor: Tensor) -> None:
        """Take `tensor`, of this blob's shape, as the values; the caller must not use it again."""
        self._data.write(self._checked(tensor))

    def set_lazy(self, fill: Callable[[], None]) -> None:
        """Let `fill` store the values at the first read, unless other values are stored before."""
        self._data.set_lazy(fill)

    def release(self) -> None:
        """Free the values, which the next forward pass recomputes; values with a numpy view stay."""
        if not self._data.has_views:
            self._data.clear()

    # -- for layers: gradient ------------------------------------------------------------------------------------

    @property
    def gradient(self) -> Tensor:
        """The gradient on the current device, in C order; changes in place change the blob."""
        return self._diff.read(self._dims, mode.device())

    @property
    def gradient_any_order(self) -> Tensor:
        """The gradient with the strides it was stored with."""
        return self._diff.read(self._dims, mode.device(), any_order=True)

    @property
    def gradient_is_blank(self) -> bool:
        """Whether the gradient is unwritten since the blob was made or the gradient cleared."""
        return self._diff.is_blank

    @property
    def lazy_gradient(self) -> LazyGradient | None:
        """The gradient that `accumulate_lazy_gradient` took, until it is computed or replaced."""
        if self._lazy is None or not self._diff.is_lazy_by(self._lazy[0]):
            return None
        return self._lazy[1]

    def store_gradient(self, tensor: Tensor) -> None:
        """Take `tensor`, of this blob's shape, as the gradient; the caller must not use it again."""
        self._diff.write(self._checked(tensor))

    def accumulate_gradient(self, tensor: Tensor) -> None:
        """Add `tensor` to the gradient; like `store_gradient` after `clear_gradient`."""
        if self.gradient_is_blank:
            self.store_gradient(tensor)
        else:
            self.gradient_any_order.add_(self._checked(tensor))

    def accumulate_lazy_gradient(self, gradient: LazyGradient) -> None:
        """Add a gradient that is computed at the first read; at once if there is a gradient or a view of it."""
        if not self.gradient_is_blank or self._diff.has_views:
            self.accumulate_gradient(gradient.whole())
            return

        def fill() -> None:
            self._lazy = None
            self.store_gradient(gradient.whole())

        self._diff.set_lazy(fill)
        self._lazy = fill, gradient

    def clear_gradient(self) -> None:
        """Set the gradient to zero."""
        self._lazy = None
        self._diff.clear()

    # -- sharing -------------------------------------------------------------------------------------------------

    def share_data(self, other: Blob) -> None:
        """Use the other blob's data buffer from now on; their counts must be equal, not their shapes."""
        self._require_equal_count(other)
        self._data = other._data

    def share_diff(self, other: Blob) -> None:
        """Use the other blob's diff buffer from now on; their counts must be equal, not their shapes."""
        self._require_equal_count(other)
        self._diff = other._diff

    def shares_gradient(self, other: Blob) -> bool:
        """Return whether both use one diff buffer."""
        return self._diff is other._diff

    def _checked(self, tensor: Tensor) -> Tensor:
        if tensor.shape != self._dims or tensor.dtype != self._dtype:
            raise CaffeError(
                f"a {self._dtype} blob of shape {self.shape} got a {tensor.dtype} tensor of shape {list(tensor.shape)}"
            )
        return tensor

    def _require_equal_count(self, other: Blob) -> None:
        if self.count != other.count:
            raise CaffeError(f"blobs of shapes {self.shape} and {other.shape} cannot share memory: unequal counts")


class BlobVec(list):
    """pycaffe's list of a layer's parameter blobs."""

    def add_blob(self, *dims: int, **named: int) -> None:
        """Append a zero parameter blob of the given shape."""
        _refuse_names("BlobVec.add_blob", named)
        self.append(Blob(dims))


def _refuse_names(function: str, named: dict[str, int]) -> None:
    if named:
        raise CaffeError(f"{function} takes no kwargs; got {', '.join(named)}, expected the dims in order")
