"""One buffer that several blobs may share, coherent between numpy's views and torch's tensors.

Source   caffe 9b89154 syncedmem.cpp: a host and a device copy; the one written last is valid
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
    """A lazily allocated float buffer, zero until the first write.

    - An array from `view` stays live. While a view, or a part of one, exists, `write` copies results into its memory.
      Otherwise `write` keeps the layer's tensor and copies nothing.
    - The buffer does not depend on a shape: `read` and `view` take its first elements in flat C order.
    - Content may be lazy: it is computed at the first `read` or `view`.
    - On a GPU, `view` returns a host mirror. From then on the mirror counts as newest, as in Caffe, even if Python
      only reads it; the next `read` uploads it.
    """

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        self._dtype = dtype
        self._newest = None
        self._host: Tensor | None = None  # flat, contiguous, on the CPU; the memory of the numpy views
        self._window: weakref.ref[np.ndarray] | None = None  # an array over _host; every existing view keeps it alive

    @property
    def is_blank(self) -> bool:
        """Whether the buffer holds only its initial zeros."""
        return self._newest is None and self._fill is None

    @property
    def has_views(self) -> bool:
        """Whether a numpy view exists."""
        return self._window is not None and self._window() is not None

    def is_lazy_by(self, fill: Callable[[], None]) -> bool:
        """Return whether `fill` is still to write the content."""
        return self._fill == fill

    @property
    def version(self) -> tuple[int, int] | None:
        """Equal versions, of any buffers, mean equal content; None while numpy may write.

        It combines a number per tensor with torch's count of the tensor's in-place changes.
        """
        if self.has_views:
            return None
        return self._change, 0 if self._newest is None else self._newest._version

    @property
    def _newest(self) -> Tensor | None:
        """The content, of any shape, with any strides, on any device; None for zeros or lazy content."""
        return self._tensor

    @_newest.setter
    def _newest(self, tensor: Tensor | None) -> None:
        self._tensor, self._change = tensor, next(_changes)
        self._fill: Callable[[], None] | None = None  # writes lazy content

    def read(self, shape: Shape, device: torch.device, *, any_order: bool = False) -> Tensor:
        """Return the buffer as a tensor of `shape` on `device`; changes in place change the buffer.

        The tensor is in C order, or with `any_order` in the order of the last write.
        """
        tensor = self._with_elements(math.prod(shape), device)
        if tensor.device != device:
            tensor = self._newest = self._mirrored(tensor) if device.type == "cpu" else tensor.to(device)
        if tensor.shape == shape and (any_order or tensor.is_contiguous()):
            return tensor
        return self._flat(tensor)[: math.prod(shape)].view(shape)

    def write(self, tensor: Tensor) -> None:
        """Make `tensor` the content. The caller must not use it again: it may become the buffer."""
        host = self._host if self.has_views else None
        if host is not None and not tensor.is_cuda and tensor.numel() <= host.numel():
            host[: tensor.numel()].copy_(tensor.reshape(-1))
            self._newest = host
            return
        self._newest = tensor
        if host is None or not tensor.is_cuda:
            self._set_host(None)

    def set_lazy(self, fill: Callable[[], None]) -> None:
        """Let `fill` write the content at the first read, unless other content is written before.

        Call it only without views, which would not show the content.
        """
        self._newest = None
        self._set_host(None)
        self._fill = fill

    def view(self, shape: Shape) -> np.ndarray:
        """Return a live, writable numpy array of `shape` on the host copy of the buffer."""
        count = math.prod(shape)
        newest = self._with_elements(count, torch.device("cpu"))
        if newest.is_cuda:
            newest = self._mirrored(newest)
        elif newest is not self._host:
            newest = self._flat(newest)
            self._set_host(newest)
        self._newest = newest
        window = self._window() if self._window is not None else None
        if window is None:
            window = newest.numpy()
            self._window = weakref.ref(window)
        return window[:count].reshape(shape)

    def clear(self) -> None:
        """Set the buffer to zeros; without views this only frees memory."""
        if self.has_views and self._newest is not None:
            self._newest.zero_()
        else:
            self._newest = None
            self._set_host(None)

    def _mirrored(self, tensor: Tensor) -> Tensor:
        """Copy `tensor` from a GPU into the host copy, which existing views show."""
        host = self._host
        if host is None or host.numel() < tensor.numel():
            host = torch.empty(tensor.numel(), dtype=tensor.dtype, pin_memory=True)
            self._set_host(host)
        host[: tensor.numel()].copy_(tensor.reshape(-1))
        return host

    def _set_host(self, host: Tensor | None) -> None:
        self._host, self._window = host, None

    def _with_elements(self, count: int, device: torch.device) -> Tensor:
        """Return the newest content, padded with zeros to at least `count` elements."""
        if self._fill is not None:
            self._fill()
        newest = self._newest
        if newest is None:
            newest = self._newest = torch.zeros(count, dtype=self._dtype, device=device)
        elif newest.numel() < count:
            grown = newest.new_zeros(count)
            grown[: newest.numel()] = newest.reshape(-1)
            newest = self._newest = grown
        return newest

    def _flat(self, tensor: Tensor) -> Tensor:
        """Return the content `tensor` as one row in C order; other strides are replaced for good."""
        if not tensor.is_contiguous():
            tensor = self._newest = tensor.contiguous()
        return tensor.view(-1)
