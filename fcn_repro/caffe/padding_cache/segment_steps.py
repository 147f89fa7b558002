"""The steps of a segment: convolutions and max poolings in a row, each reading what the one before it made."""

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
from fcn_repro.caffe.precision import FEW_CHANNELS, has_amx, precision, product_dtype
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.synced_memory import Shape
from fcn_repro.layer_params.conv_window import ConvWindow

# Additional multiplications per element of a top that take no longer than copying it, without AMX and with AMX. With
# AMX oneDNN takes three quarters of the time where it pads, but twice the time on maps from WIDE columns on.
MAX_ADDED = {False: 100, True: 600}
WIDE = 200

PlacedLayer = tuple[Layer, Sequence[Blob], Sequence[Blob]]  # a layer, its bottoms and its tops


class FrozenStep(Protocol):
    """A step with the weights it had when it was frozen, for any bottom."""

    @property
    def kind(self) -> torch.dtype | None:
        """The type that bottoms are converted to; None keeps theirs."""

    def __call__(self, x: Tensor, pad: Sequence[int] | None, largest: float) -> Tensor:
        """The top of a bottom whose magnitudes `largest` bounds; `pad` replaces the layer's own padding."""

    def bound(self, largest: float) -> float:
        """A bound of the top's magnitudes for a bottom bounded by `largest`."""


@dataclass
class Step:
    """A layer that slides a window, and the layers after it that change its top in place."""

    layer: Layer
    bottom: Blob
    top: Blob
    last: int  # index in the net of the last of these layers
    has_relu: bool = False
    split: PlacedLayer | None = None  # where other layers than the next step read the top too

    padding_value = 0.0

    @property
    def window(self) -> ConvWindow:
        """The layer's window."""
        return self.layer.window  # type: ignore[attr-defined]  # both subclasses' layers have one

    @property
    def weight_count(self) -> int:
        """Elements of the weights: multiplications per cell of the top."""
        return self.layer.blobs[0].count if self.layer.blobs else 0

    def is_faster_padded(self, margin: tuple[int, int], size: tuple[int, int]) -> bool:
        """Whether to compute a top of (H, W) with (rows, columns) more on each side, rather than copy it.

        The top is then put into a map that is larger by this margin.
        """
        return False

    def is_shift_invariant(self, shape: Shape) -> bool:
        """Whether windows over a part of a bottom of that shape give the same as over the whole."""
        return True

    def choose_layout(self, x: Tensor, size: Sequence[int], next_layout: torch.memory_format) -> torch.memory_format:
        """The fastest memory layout for a bottom like `x`, of (H, W) padding included.

        `next_layout` is that of the next step's bottom, to which the top is copied.
        """
        return fastest_layout(x)

    def freeze(self, size: Sequence[int]) -> FrozenStep:
        """The step with its present weights, for bottoms that are most likely of (H, W), padding included."""
        raise NotImplementedError


class ConvolutionStep(Step):
    """A convolution."""

    layer: Convolution

    def is_faster_padded(self, margin: tuple[int, int], size: tuple[int, int]) -> bool:
        """See Step. A margin beyond the window would compute bias alone, and NNPACK refuses it."""
        weight, window = self.layer.blobs[0].tensor, self.layer.window
        is_within = all(cells < extent for cells, extent in zip(margin, window.extent, strict=True))
        if not is_within or set(window.stride) != {1}:
            return False
        (height, width), (rows, columns) = size, margin
        more = (height + 2 * rows) * (width + 2 * columns) / (height * width) - 1
        is_on_amx = product_dtype(weight) == torch.bfloat16 and has_amx()
        return more * weight[0].numel() <= MAX_ADDED[is_on_amx] and not (is_on_amx and width >= WIDE)

    def choose_layout(self, x: Tensor, size: Sequence[int], next_layout: torch.memory_format) -> torch.memory_format:
        """See Step."""
        layer = self.layer
        weight, is_f32 = layer.blobs[0].tensor, precision() != "bf16"  # see FrozenFilters
        if is_f32 and winograd.is_faster(size, (0, 0), weight, layer.window, layer.group):
            return torch.contiguous_format
        return next_layout if weight.shape[1] < FEW_CHANNELS else super().choose_layout(x, size, next_layout)

    def freeze(self, size: Sequence[int]) -> FrozenStep:
        """See Step."""
        layer = self.layer
        weight, *bias = (blob.tensor for blob in layer.blobs)
        return FrozenFilters(weight, bias[0] if bias else None, layer.window, layer.group, size, self.has_relu)


class FrozenPooling:
    """Max pooling, optionally with ReLU. It has no weights."""

    kind = None

    def __init__(self, layer: Pooling, has_relu: bool) -> None:
        self._layer, self._has_relu = layer, has_relu

    def bound(self, largest: float) -> float:
        """The bottom's."""
        return largest

    def __call__(self, x: Tensor, pad: Sequence[int] | None, largest: float) -> Tensor:
        """See FrozenStep; any other padding than the layer's own is none."""
        kernel, stride = self._layer.kernel, self._layer.stride
        if pad is None:
            y = self._layer.compute(x)[0]
        elif pairwise_pooling.is_faster(x, kernel, stride, (0, 0)):
            y = pairwise_pooling.compute_maxima(x)
        else:
            y = torch.max_pool2d(x, kernel, stride)
        return y.clamp_(min=0) if self._has_relu else y


class PoolingStep(Step):
    """A max pooling."""

    layer: Pooling

    padding_value = -math.inf

    def is_shift_invariant(self, shape: Shape) -> bool:
        """See Step. Not where a window lies beyond the map."""
        bottom = torch.empty(shape, device="meta")
        return not self.layer.has_empty_windows(bottom, self.layer.top_shapes(shape)[0][2:])

    def choose_layout(self, x: Tensor, size: Sequence[int], next_layout: torch.memory_format) -> torch.memory_format:
        """See Step."""
        is_paired = pairwise_pooling.is_faster(x, self.layer.kernel, self.layer.stride, (0, 0))
        return next_layout if is_paired else super().choose_layout(x, size, next_layout)

    def freeze(self, size: Sequence[int]) -> FrozenStep:
        """See Step."""
        return FrozenPooling(self.layer, self.has_relu)


def fastest_layout(x: Tensor) -> torch.memory_format:
    """The memory layout that most libraries compute fastest in on the device of `x`."""
    return torch.contiguous_format if x.is_cuda else torch.channels_last  # GPUs: unless they use tensor cores


def collect_steps(layers: Sequence[PlacedLayer], loss_weights: Sequence[Sequence[float]], first: int) -> list[Step]:
    """The steps from the convolution at index `first` on; empty if another layer is there."""
    steps: list[Step] = []
    readable: list[Blob] = list(layers[first][1][:1])
    for index, (layer, bottom, top) in enumerate(layers[first:], start=first):
        if len(bottom) != 1 or not any(bottom[0] is blob for blob in readable) or any(loss_weights[index]):
            break
        step = _make_step(layer, bottom[0], top, index)
        if step is not None and (steps or isinstance(step, ConvolutionStep)):
            steps.append(step)
            readable = [top[0]]
        elif not steps or steps[-1].split is not None:
            break
        elif type(layer) is Split:
            steps[-1].split = (layer, bottom, top)
            readable = list(top)
        elif not _absorb(steps[-1], layer):
            break
        steps[-1].last = index
    return steps


def _make_step(layer: Layer, bottom: Blob, top: Sequence[Blob], index: int) -> Step | None:
    if isinstance(layer, Convolution) and layer.axis == 1 and len(layer.window.kernel) == 2:
        return ConvolutionStep(layer, bottom, top[0], index)
    if isinstance(layer, Pooling) and len(top) == 1 and layer.method == caffe_pb2.PoolingParameter.MAX:
        return None if layer.param.pooling_param.global_pooling else PoolingStep(layer, bottom, top[0], index)
    return None


def _absorb(step: Step, layer: Layer) -> bool:
    """Add an in-place layer to the step before it; False where it cannot be part of a step."""
    if type(layer) is ReLU and layer.is_in_place and not layer.param.relu_param.negative_slope:
        step.has_relu = True
        return True
    return type(layer) is Dropout and layer.is_in_place and layer.phase == caffe_pb2.TEST
