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

MAX_AXES = 32
MAX_COUNT = 2**31 - 1


class IntVec(list):
    """pycaffe's shape: a sequence of integers that is a list and not a tuple."""


def legacy_shape(dims: Iterable[int]) -> Shape:
    """`dims` as the (num, channels, height, width) of old files: padded with ones on the left to four axes."""
    dims = tuple(dims)
    return (1,) * (4 - len(dims)) + dims


class Promised(Protocol):
    """What can be made of a blob's shape, all at once or in parts along the first axis."""

    def whole(self) -> Tensor:
        """All of it."""

    def parts(self) -> Iterator[tuple[slice, Tensor]]:
        """Part after part, and where it lies."""


class Blob:
    """The unit that layers exchange: values and their gradient, in C order, usually (N, C, H, W).

    Python sees numpy (`data`, `diff`); layers see tensors on the current device (`tensor`, `gradient`) and hand
    theirs over with `store` and `store_gradient`. Either buffer may be shared with other blobs.
    """

    def __init__(self, shape: Iterable[int] = (), dtype: torch.dtype = torch.float32) -> None:
        self._dtype = dtype
        self._dims: Shape = ()
        self._capacity = 0
        self._data = SyncedMemory(dtype)
        self._diff = SyncedMemory(dtype)
        self._promised: tuple[Callable[[], None], Promised] | None = None
        self.reshape(*shape)

    # -- shape ---------------------------------------------------------------------------------------------------

    @property
    def dims(self) -> Shape:
        """The shape as a tuple."""
        return self._dims

    @property
    def shape(self) -> IntVec:
        """The shape as pycaffe gives it."""
        return IntVec(self._dims)

    @property
    def count(self) -> int:
        """Number of elements; 1 for a blob without axes."""
        return math.prod(self._dims)

    @property
    def num(self) -> int:
        """Axis 0 of at most four, 1 where there is none."""
        return self._legacy_axis(0)

    @property
    def channels(self) -> int:
        """Axis 1 of at most four, 1 where there is none."""
        return self._legacy_axis(1)

    @property
    def height(self) -> int:
        """Axis 2 of at most four, 1 where there is none."""
        return self._legacy_axis(2)

    @property
    def width(self) -> int:
        """Axis 3 of at most four, 1 where there is none."""
        return self._legacy_axis(3)

    def reshape(self, *dims: int, **named: int) -> None:
        """Change the shape. Content and sharing stay while the blob has room; growing it starts from new zeros.

        Raises   CaffeError for a negative dim, more than 32 axes, more elements than Caffe can count, or a dim by name;
                 TypeError for a dim that is no integer.
        """
        _refuse_names("Blob.reshape", named)
        dims = tuple(operator.index(d) for d in dims)
        if dims == self._dims and self._capacity:
            return
        counts = list(itertools.accumulate(dims, operator.mul, initial=1))  # Caffe checks axis by axis, so before a 0
        if len(dims) > MAX_AXES or any(d < 0 for d in dims) or max(counts) > MAX_COUNT:
            raise CaffeError(
                f"a blob cannot have the shape {list(dims)}: at most {MAX_AXES} axes, none negative, "
                f"and at most {MAX_COUNT} elements (C's INT_MAX)"
            )
        count = counts[-1]
        self._dims = dims
        if count > self._capacity:
            self._capacity = count
            self._data = SyncedMemory(self._dtype)
            self._diff = SyncedMemory(self._dtype)

    # -- what Python sees ----------------------------------------------------------------------------------------

    @property
    def data(self) -> np.ndarray:
        """The values as a live, writable numpy array."""
        return self._data.view(self._dims)

    @property
    def diff(self) -> np.ndarray:
        """The gradient as a live, writable numpy array."""
        return self._diff.view(self._dims)

    # -- what layers see -----------------------------------------------------------------------------------------

    @property
    def tensor(self) -> Tensor:
        """The values on the current device, in C order; changing them in place changes the blob."""
        return self._data.read(self._dims, mode.device())

    @property
    def tensor_as_it_lies(self) -> Tensor:
        """The same, with whatever strides they were stored."""
        return self._data.read(self._dims, mode.device(), any_order=True)

    @property
    def memory(self) -> SyncedMemory:
        """The data buffer; blobs that share data have the same."""
        return self._data

    @property
    def stamp(self) -> tuple[int, ...] | None:
        """As long as it stays the same, so do the values; None while a numpy view of them is held."""
        return self._data.stamp

    @property
    def is_blank(self) -> bool:
        """Whether the values are still the zeros that the blob was born with."""
        return self._data.is_blank

    @property
    def gradient_is_blank(self) -> bool:
        """Whether nothing was written to the gradient since the blob was born or cleared."""
        return self._diff.is_blank

    @property
    def gradient(self) -> Tensor:
        """The gradient on the current device, in C order; changing it in place changes the blob."""
        return self._diff.read(self._dims, mode.device())

    @property
    def gradient_as_it_lies(self) -> Tensor:
        """The same, with whatever strides it was stored."""
        return self._diff.read(self._dims, mode.device(), any_order=True)

    def store(self, tensor: Tensor) -> None:
        """Take `tensor`, of this blob's shape, as the values; the caller must not use it for anything else."""
        self._data.write(self._checked(tensor))

    def store_gradient(self, tensor: Tensor) -> None:
        """Take `tensor`, of this blob's shape, as the gradient; the caller must not use it for anything else."""
        self._diff.write(self._checked(tensor))

    def promise(self, keep: Callable[[], None]) -> None:
        """Let `keep` store the values when somebody asks for them, unless others are stored before."""
        self._data.promise(keep)

    def let_go(self) -> None:
        """Forget the values, which are to be made anew; not while somebody holds a numpy view of them."""
        if not self._data.is_watched:
            self._data.clear()

    def accumulate_gradient(self, tensor: Tensor) -> None:
        """Add `tensor` to the gradient; like `store_gradient` where the gradient was cleared."""
        if self.gradient_is_blank:
            self.store_gradient(tensor)
        else:
            self.gradient_as_it_lies.add_(self._checked(tensor))

    def promise_gradient(self, gradient: Promised) -> None:
        """Add a gradient that is made when somebody asks for it; at once where there is one, or a view is held."""
        if not self.gradient_is_blank or self._diff.is_watched:
            self.accumulate_gradient(gradient.whole())
            return

        def keep() -> None:
            self._promised = None
            self.store_gradient(gradient.whole())

        self._diff.promise(keep)
        self._promised = keep, gradient

    @property
    def promised_gradient(self) -> Promised | None:
        """The gradient as it was promised, if nobody has asked for it since."""
        if self._promised is None or not self._diff.is_promised_by(self._promised[0]):
            return None
        return self._promised[1]

    def clear_gradient(self) -> None:
        """Set the gradient to zero."""
        self._promised = None
        self._diff.clear()

    # -- sharing -------------------------------------------------------------------------------------------------

    def share_data(self, other: Blob) -> None:
        """Use the other blob's data buffer from now on; the counts, not the shapes, must be equal."""
        self._require_equal_count(other)
        self._data = other._data

    def share_diff(self, other: Blob) -> None:
        """Use the other blob's diff buffer from now on; the counts, not the shapes, must be equal."""
        self._require_equal_count(other)
        self._diff = other._diff

    def shares_gradient(self, other: Blob) -> bool:
        """Whether both have one diff buffer."""
        return self._diff is other._diff

    def _checked(self, tensor: Tensor) -> Tensor:
        if tensor.shape != self._dims or tensor.dtype != self._dtype:
            raise CaffeError(
                f"a {tensor.dtype} tensor of shape {list(tensor.shape)} was stored in a {self._dtype} blob "
                f"of shape {self.shape}"
            )
        return tensor

    def _require_equal_count(self, other: Blob) -> None:
        if self.count != other.count:
            raise CaffeError(f"blobs of shapes {self.shape} and {other.shape} cannot share memory: unequal counts")

    def _legacy_axis(self, axis: int) -> int:
        if len(self._dims) > 4:
            raise CaffeError(f"num, channels, height, width do not apply to a blob of {len(self._dims)} axes")
        return self._dims[axis] if axis < len(self._dims) else 1


class BlobVec(list):
    """pycaffe's list of a layer's parameter blobs."""

    def add_blob(self, *dims: int, **named: int) -> None:
        """Append a parameter blob of the given shape, filled with zeros."""
        _refuse_names("BlobVec.add_blob", named)
        self.append(Blob(dims))


def _refuse_names(function: str, named: dict[str, int]) -> None:
    if named:
        raise CaffeError(f"{function} takes no kwargs, and {', '.join(named)} was given; write the dims in order")
