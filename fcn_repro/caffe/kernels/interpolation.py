"""Upsample class by class where a deconvolution does not mix classes.

FCN interpolates scores by a Deconvolution of group 1 whose filters (C, C, k, k) are zero off the diagonal: Caffe
multiplies by all of them. Where they are, one filter per channel gives the same sums with C times less arithmetic.

Holds    as long as the off-diagonal filters are zero; looked at again whenever the filters may have changed
Differs  an infinite score stays in its channel, where Caffe's 0 * inf puts NaN into all of them
"""

from __future__ import annotations

import torch
from torch import Tensor

from fcn_repro.caffe import kernels
from fcn_repro.caffe.blob import Blob


class Diagonal:
    """The diagonal of a square bank of filters, found when asked for and kept while the blob stays as it is."""

    def __init__(self) -> None:
        self._stamp: tuple[int, ...] | None = None
        self._found: Tensor | None = None

    def of(self, blob: Blob) -> Tensor | None:
        """Filters (C, 1, ...) of a blob (C, C, ...), or None where another one is not zero."""
        if not kernels.on() or len(blob.dims) < 3 or blob.dims[0] != blob.dims[1]:
            return None
        weight = blob.tensor
        if blob.stamp is None or blob.stamp != self._stamp:
            self._found = _diagonal(weight)
            self._stamp = blob.stamp
        return self._found


def _diagonal(weight: Tensor) -> Tensor | None:
    own = torch.arange(len(weight), device=weight.device)
    diagonal = weight[own, own]
    if int(weight.count_nonzero()) != int(diagonal.count_nonzero()):
        return None
    return diagonal.unsqueeze(1).contiguous()
