"""Stretches of a net: convolutions and poolings in a row, each reading what the one before it made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.kernels import pairwise_pooling, winograd
from fcn_repro.caffe.kernels.packed_filters import FrozenFilters
from fcn_repro.caffe.layers.activation.relu import ReLU
from fcn_repro.caffe.layers.base import Layer
from fcn_repro.caffe.layers.common.dropout import Dropout
from fcn_repro.caffe.layers.utility.split import Split
from fcn_repro.caffe.layers.vision.convolution import Convolution
from fcn_repro.caffe.layers.vision.pooling import Pooling
from fcn_repro.caffe.padding_cache.receptive_extent import Slide
from fcn_repro.caffe.precision import FEW_CHANNELS, factors, has_amx, precision
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.synced_memory import Shape

# Multiplications, for each number of a top, that take no longer than to copy it: without AMX, and with it. With it
# oneDNN takes three quarters of the time where it pads by itself; but maps that are WIDE then take twice the time.
MOST_ADDED = {False: 100, True: 600}
WIDE = 200

Placed = tuple[Layer, Sequence[Blob], Sequence[Blob]]  # a layer with its bottoms and tops


class Frozen(Protocol):
    """A step as it is now, on any bottom."""

    @property
    def kind(self) -> torch.dtype | None:
        """The type of numbers that a bottom is computed with; None for whatever it is of."""

    def __call__(self, x: Tensor, pad: Sequence[int] | None, largest: float) -> Tensor:
        """The top of a bottom with the layer's own padding, or another; no number of the bottom exceeds `largest`."""

    def largest(self, x: float) -> float:
        """What no number of the top exceeds then."""


@dataclass
class Step:
    """A layer that slides a window, and those after it that change its top in place."""

    layer: Layer
    bottom: Blob
    top: Blob
    last: int  # index of the last of these layers
    rectified: bool = False
    split: Placed | None = None  # where others than the next step read the top too

    @property
    def slides(self) -> list[Slide]:
        """The window over rows, and over columns."""
        raise NotImplementedError

    @property
    def beyond(self) -> float:
        """What the window meets beyond the map."""
        raise NotImplementedError

    @property
    def filters(self) -> int:
        """Numbers in the filters: multiplications per cell of the top."""
        return self.layer.blobs[0].count if self.layer.blobs else 0

    def grows(self, margin: tuple[int, int], size: tuple[int, int]) -> bool:
        """Whether padding that makes a top of (H, W) larger by (rows, columns) on each side is better than copying it.

        The top is to be put into a map that is so much larger.
        """
        return False

    def fits(self, shape: Shape) -> bool:
        """Whether windows over a part of a bottom of that shape give what they give over the whole."""
        return True

    def layout(self, x: Tensor, size: Sequence[int], onward: torch.memory_format) -> torch.memory_format:
        """In which order of its axes a bottom like `x`, of (H, W) with its padding, is computed with fastest.

        `onward` is that of the next step's bottom, into which the top is put.
        """
        return fastest(x)

    def frozen(self, size: Sequence[int]) -> Frozen:
        """What it computes by the weights of now, on bottoms that are most likely of (H, W), with their padding."""
        raise NotImplementedError


class Filtering(Step):
    """A convolution."""

    layer: Convolution

    @property
    def slides(self) -> list[Slide]:
        """See Step."""
        window = self.layer.window
        return [Slide(*axis) for axis in zip(window.extent, window.stride, window.pad, strict=True)]

    @property
    def beyond(self) -> float:
        """Zeros."""
        return 0.0

    def grows(self, margin: tuple[int, int], size: tuple[int, int]) -> bool:
        """See Step. Padding beyond the window brings nothing but bias, and NNPACK has none of it."""
        weight, window = self.layer.blobs[0].tensor, self.layer.window
        is_within = all(cells < extent for cells, extent in zip(margin, window.extent, strict=True))
        if not is_within or set(window.stride) != {1}:
            return False
        (height, width), (rows, columns) = size, margin
        more = (height + 2 * rows) * (width + 2 * columns) / (height * width) - 1
        is_on_amx = factors(weight) == torch.bfloat16 and has_amx()
        return more * weight[0].numel() <= MOST_ADDED[is_on_amx] and not (is_on_amx and width >= WIDE)

    def layout(self, x: Tensor, size: Sequence[int], onward: torch.memory_format) -> torch.memory_format:
        """See Step."""
        layer = self.layer
        weight, is_f32 = layer.blobs[0].tensor, precision() != "bf16"  # see FrozenFilters
        if is_f32 and winograd.pays(size, (0, 0), weight, layer.window, layer.group):
            return torch.contiguous_format
        return onward if weight.shape[1] < FEW_CHANNELS else super().layout(x, size, onward)

    def frozen(self, size: Sequence[int]) -> Frozen:
        """See Step."""
        layer = self.layer
        weight, *bias = (blob.tensor for blob in layer.blobs)
        return FrozenFilters(weight, bias[0] if bias else None, layer.window, layer.group, size, self.rectified)


class FrozenMaxima:
    """The maxima of windows, optionally rectified. They have no weights that could change."""

    kind = None

    def __init__(self, layer: Pooling, rectify: bool) -> None:
        self._layer, self._rectify = layer, rectify

    def largest(self, x: float) -> float:
        """One of them."""
        return x

    def __call__(self, x: Tensor, pad: Sequence[int] | None, largest: float) -> Tensor:
        """See Frozen; the only other padding is none."""
        kernel, stride = self._layer.kernel, self._layer.stride
        if pad is None:
            y = self._layer.compute(x)[0]
        elif pairwise_pooling.pay(x, kernel, stride, (0, 0)):
            y = pairwise_pooling.largest(x)
        else:
            y = torch.max_pool2d(x, kernel, stride)
        return y.clamp_(min=0) if self._rectify else y


class Pooled(Step):
    """A maximum pooling."""

    layer: Pooling

    @property
    def slides(self) -> list[Slide]:
        """See Step."""
        return [Slide(*axis) for axis in zip(self.layer.kernel, self.layer.stride, self.layer.pad, strict=True)]

    @property
    def beyond(self) -> float:
        """What is less than everything."""
        return -math.inf

    def fits(self, shape: Shape) -> bool:
        """Not where a window lies beyond the map."""
        bottom = torch.empty(shape, device="meta")
        return not self.layer._is_overhung(bottom, self.layer.top_shapes(shape)[0][2:])

    def layout(self, x: Tensor, size: Sequence[int], onward: torch.memory_format) -> torch.memory_format:
        """See Step."""
        is_paired = pairwise_pooling.pay(x, self.layer.kernel, self.layer.stride, (0, 0))
        return onward if is_paired else super().layout(x, size, onward)

    def frozen(self, size: Sequence[int]) -> Frozen:
        """See Step."""
        return FrozenMaxima(self.layer, self.rectified)


def fastest(x: Tensor) -> torch.memory_format:
    """The order of axes in which most libraries compute fastest where `x` lies."""
    return torch.contiguous_format if x.is_cuda else torch.channels_last  # GPUs: unless they have tensor cores


def follow(placed: Sequence[Placed], loss_weights: Sequence[Sequence[float]], first: int) -> list[Step]:
    """The steps that begin with the convolution at index `first`; none if there is another layer."""
    steps: list[Step] = []
    readable: list[Blob] = list(placed[first][1][:1])
    for index, (layer, bottom, top) in enumerate(placed[first:], start=first):
        if len(bottom) != 1 or not any(bottom[0] is blob for blob in readable) or any(loss_weights[index]):
            break
        made = _step(layer, bottom[0], top, index)
        if made is not None and (steps or isinstance(made, Filtering)):
            steps.append(made)
            readable = [top[0]]
        elif not steps or steps[-1].split is not None:
            break
        elif type(layer) is Split:
            steps[-1].split = (layer, bottom, top)
            readable = list(top)
        elif not _adjusts(steps[-1], layer):
            break
        steps[-1].last = index
    return steps


def _step(layer: Layer, bottom: Blob, top: Sequence[Blob], index: int) -> Step | None:
    if isinstance(layer, Convolution) and layer.axis == 1 and len(layer.window.kernel) == 2:
        return Filtering(layer, bottom, top[0], index)
    if isinstance(layer, Pooling) and len(top) == 1 and layer.method == caffe_pb2.PoolingParameter.MAX:
        return None if layer.param.pooling_param.global_pooling else Pooled(layer, bottom, top[0], index)
    return None


def _adjusts(step: Step, layer: Layer) -> bool:
    """Note what a layer does in place to the top of the step before it; False where it cannot be part of a step."""
    if type(layer) is ReLU and layer.is_in_place and not layer.param.relu_param.negative_slope:
        step.rectified = True
        return True
    return type(layer) is Dropout and layer.is_in_place and layer.phase == caffe_pb2.TEST
