"""Deconvolution channel by channel, where the filters do not mix channels.

FCN interpolates scores with a Deconvolution of group 1 whose filters (C, C, k, k) are zero off the diagonal. Caffe
multiplies all of them. One filter per channel gives the same sums with C times less arithmetic.

Holds    while all off-diagonal filters are zero; checked again whenever the filters may have changed
Differs  an infinite score stays in its channel; in Caffe 0 * inf makes NaN of it in all channels
"""

import torch
from torch import Tensor

from fcn_repro.caffe import kernels


class ChannelDiagonal:
    """The diagonal of a square bank of filters, kept until the filters change."""

    def __init__(self) -> None:
        self._version: tuple[int, ...] | None = None
        self._diagonal: Tensor | None = None

    def find(self, weight: Tensor, version: tuple[int, ...] | None) -> Tensor | None:
        """The filters (C, 1, ...) of a bank (C, C, ...), or None where an off-diagonal filter is not zero.

        Equal versions mean equal weights; a version of None means that they may change unseen.
        """
        if not kernels.is_enabled() or weight.dim() < 3 or weight.shape[0] != weight.shape[1]:
            return None
        if version is None or version != self._version:
            self._diagonal = _extract_diagonal(weight)
            self._version = version
        return self._diagonal


def _extract_diagonal(weight: Tensor) -> Tensor | None:
    channels = torch.arange(len(weight), device=weight.device)
    diagonal = weight[channels, channels]
    if int(weight.count_nonzero()) != int(diagonal.count_nonzero()):
        return None
    return diagonal.unsqueeze(1).contiguous()
