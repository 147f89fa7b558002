"""A GPU that is not there: torch's fake tensors lie on it, know shapes, types and devices, and have no values.

What is run so meets the errors of real CUDA that come of mixing devices, types or shapes; numbers it cannot tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from fcn_repro.caffe import mode, rng

GPU = torch.device("cuda", 0)


@contextmanager
def imagined_gpu() -> Iterator[None]:
    """Compute on it for a while. Where Python asks for a tensor's number it is told 1, and that nothing is true.

    What torch without CUDA has not is put aside: generators, pinned memory, and indexing, which is made of operators.
    """
    empty = torch.empty

    def unpinned(*shape: int, pin_memory: bool = False, **options: object) -> Tensor:
        return empty(*shape, **options)

    with pytest.MonkeyPatch.context() as patch, FakeTensorMode(allow_non_fake_inputs=True):
        patch.setattr(mode._setting, "gpu", True)
        patch.setattr(rng._Generators, "on_gpu", lambda self, device: None)
        patch.setattr(torch, "empty", unpinned)
        patch.setattr(Tensor, "__getitem__", taken)
        patch.setattr(Tensor, "__setitem__", put)
        patch.setattr(Tensor, "copy_", lambda self, other: torch.ops.aten.copy_(self, other))
        patch.setattr(Tensor, "__invert__", lambda self: torch.eq(self, 0))
        patch.setattr(Tensor, "contiguous", contiguous)
        patch.setattr(Tensor, "nonzero", lambda self: self.new_empty((0, self.dim()), dtype=torch.long))
        patch.setattr(torch, "bincount", lambda self, weights=None, minlength=0: self.new_empty(minlength))
        for method, number in (("item", 1.0), ("__float__", 1.0), ("__int__", 1), ("__bool__", False)):
            patch.setattr(Tensor, method, lambda self, number=number: number)
        yield


def contiguous(x: Tensor, *, memory_format: torch.memory_format = torch.contiguous_format) -> Tensor:
    """x.contiguous()."""
    return torch.ops.aten.contiguous(x, memory_format=memory_format)


def taken(x: Tensor, index: object) -> Tensor:
    """x[index]: a view, unless a tensor is among the indices. A mask, whose values nobody knows, takes nothing."""
    each = index if isinstance(index, tuple) else (index,)
    if Ellipsis in [i for i in each if not isinstance(i, Tensor)]:
        at = next(k for k, i in enumerate(each) if i is Ellipsis)
        spans = x.dim() - sum(i is not None for i in each) + 1
        each = (*each[:at], *[slice(None)] * spans, *each[at + 1 :])
    by_tensors: list[Tensor | None] = []
    dim = 0
    for i in each:
        if i is None:
            x = x.unsqueeze(dim)
        elif isinstance(i, slice):
            x = torch.ops.aten.slice(x, dim, i.start, i.stop, i.step or 1)
        elif isinstance(i, int):
            x = x.select(dim, i)
            continue
        elif isinstance(i, Tensor) and i.dtype == torch.bool:
            return x.new_empty((0, *x.shape[i.dim() :]))
        else:
            by_tensors += [None] * (dim - len(by_tensors)) + [torch.as_tensor(i)]
        dim += 1
    return torch.ops.aten.index(x, by_tensors) if by_tensors else x


def put(x: Tensor, index: object, value: object) -> None:
    """x[index] = value."""
    taken(x, index).copy_(torch.as_tensor(value, dtype=x.dtype, device=None if isinstance(value, Tensor) else x.device))
