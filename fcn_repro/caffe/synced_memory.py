"""One buffer that several blobs may share, kept coherent between numpy's view of it and torch's.

Source   caffe 9b89154 syncedmem.cpp: a host and a device copy, of which the one written last is the true one.
"""

from __future__ import annotations

import itertools
import math
import weakref
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

Shape = tuple[int, ...]

_changes = itertools.count()


class SyncedMemory:
    """A lazily allocated float buffer, zero until first written.

    Four rules make it both faithful and quick:
    - What `view` returns stays alive as a window on this buffer: as long as anybody holds one, or a part of one,
      results are copied into the memory under it. When nobody does, `write` only keeps the layer's tensor, and nothing
      is copied.
    - A buffer outlives the shape it is seen with: `read` and `view` look at its first elements in flat C order.
    - Content may be promised instead of written: it is made when somebody reads or looks.
    - On a GPU, `view` hands out a host mirror and from then on the mirror counts as newest, as in Caffe, even if
      Python only looked; the next `read` uploads it again.
    """

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        self._dtype = dtype
        self._newest = None
        self._host: Tensor | None = None  # flat, contiguous, on the CPU: what numpy views look at
        self._window: weakref.ref[np.ndarray] | None = None  # all of _host; every view that is held keeps it alive

    @property
    def is_blank(self) -> bool:
        """True while the buffer holds nothing but the zeros it was born with."""
        return self._newest is None and self._promise is None

    @property
    def is_watched(self) -> bool:
        """Whether anybody holds a view."""
        return self._window is not None and self._window() is not None

    def is_promised_by(self, keep: Callable[[], None]) -> bool:
        """True while the content is still to be made, by `keep`."""
        return self._promise == keep

    @property
    def stamp(self) -> tuple[int, int] | None:
        """Two equal stamps, of whatever buffers, mean equal content; None while numpy may write unseen.

        Made of a number that no other tensor gets and of torch's count of what was done to this one in place.
        """
        if self.is_watched:
            return None
        return self._change, 0 if self._newest is None else self._newest._version

    @property
    def _newest(self) -> Tensor | None:
        """The content, of any shape, with any strides, on any device; None for zeros."""
        return self._tensor

    @_newest.setter
    def _newest(self, tensor: Tensor | None) -> None:
        self._tensor, self._change = tensor, next(_changes)
        self._promise: Callable[[], None] | None = None  # writes the content, which then is nothing yet

    def read(self, shape: Shape, device: torch.device, *, any_order: bool = False) -> Tensor:
        """The buffer as a tensor of `shape` on `device`; changing it in place changes the buffer.

        In C order, unless the reader takes it `any_order` it lies in.
        """
        tensor = self._with_elements(math.prod(shape), device)
        if tensor.device != device:
            tensor = self._newest = self._mirrored(tensor) if device.type == "cpu" else tensor.to(device)
        if tensor.shape == shape and (any_order or tensor.is_contiguous()):
            return tensor
        return self._flat(tensor)[: math.prod(shape)].view(shape)

    def write(self, tensor: Tensor) -> None:
        """Make `tensor` the content. The caller gives the tensor up: it may become the buffer itself."""
        host = self._host if self.is_watched else None
        if host is not None and not tensor.is_cuda and tensor.numel() <= host.numel():
            host[: tensor.numel()].copy_(tensor.reshape(-1))
            self._newest = host
            return
        self._newest = tensor
        if host is None or not tensor.is_cuda:
            self._look_at(None)

    def promise(self, keep: Callable[[], None]) -> None:
        """Let `keep` write the content when it is asked for, unless something else is written before.

        Not to be called while anybody holds a view, which would not show it.
        """
        self._newest = None
        self._look_at(None)
        self._promise = keep

    def view(self, shape: Shape) -> np.ndarray:
        """A live, writable numpy array of `shape` on the host copy of the buffer."""
        count = math.prod(shape)
        newest = self._with_elements(count, torch.device("cpu"))
        if newest.is_cuda:
            newest = self._mirrored(newest)
        elif newest is not self._host:
            newest = self._flat(newest)
            self._look_at(newest)
        self._newest = newest
        window = self._window() if self._window is not None else None
        if window is None:
            window = newest.numpy()
            self._window = weakref.ref(window)
        return window[:count].reshape(shape)

    def clear(self) -> None:
        """Back to zeros, at no cost where nobody looks at the memory."""
        if self.is_watched and self._newest is not None:
            self._newest.zero_()
        else:
            self._newest = None
            self._look_at(None)

    def _mirrored(self, tensor: Tensor) -> Tensor:
        """The host copy, brought up to date with `tensor`, which is on a GPU; views that are held show it."""
        host = self._host
        if host is None or host.numel() < tensor.numel():
            host = torch.empty(tensor.numel(), dtype=tensor.dtype, pin_memory=True)
            self._look_at(host)
        host[: tensor.numel()].copy_(tensor.reshape(-1))
        return host

    def _look_at(self, host: Tensor | None) -> None:
        self._host, self._window = host, None

    def _with_elements(self, count: int, device: torch.device) -> Tensor:
        """The newest content, grown with zeros to at least `count` elements."""
        if self._promise is not None:
            self._promise()
        newest = self._newest
        if newest is None:
            newest = self._newest = torch.zeros(count, dtype=self._dtype, device=device)
        elif newest.numel() < count:
            grown = newest.new_zeros(count)
            grown[: newest.numel()] = newest.reshape(-1)
            newest = self._newest = grown
        return newest

    def _flat(self, tensor: Tensor) -> Tensor:
        """`tensor`, which is the content, as one row in C order; made so for good where its strides are others."""
        if not tensor.is_contiguous():
            tensor = self._newest = tensor.contiguous()
        return tensor.view(-1)
