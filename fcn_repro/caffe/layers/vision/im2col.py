"""Im2col."""

import itertools
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.synced_memory import Shape
from fcn_repro.layer_params.conv_window import read_window


class Im2col(Layer):
    """Unfolds the receptive field of each position to a column, the factor of the filters in a convolution.

    Shapes
        bottom[0]   (..., C, spatial dims), C at convolution_param.axis
        top[0]      (..., C * kernel elements, the convolution's spatial dims); channel-major, then row-major in the
                    kernel
    Reads    convolution_param: kernel, stride, pad, dilation, axis
    Source   caffe 9b89154 im2col_layer.cpp
    """

    bottoms = tops = exactly(1)

    def prepare(self, *bottom: Shape) -> None:
        self._axis = self.canonical_axis(self.param.convolution_param.axis, len(bottom[0]))
        spatial_axes = len(bottom[0]) - self._axis - 1
        if not spatial_axes:
            raise self.error(f"got no axes after axis {self._axis} of {list(bottom[0])}; expected at least one")
        self._window = read_window(self.param, spatial_axes, fault=CaffeError)

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        (shape,) = bottom
        self._size = self._window.convolved(shape[self._axis + 1 :])
        if any(n < 1 for n in self._size):
            raise self.error(f"would make a top of size {list(self._size)} from a bottom of shape {list(shape)}")
        taps = torch.Size(self._window.kernel).numel()
        return [(*shape[: self._axis], shape[self._axis] * taps, *self._size)]

    def compute(self, *bottom: Tensor) -> Tensor:
        """Stack the padded bottom as sampled by each kernel element."""
        padded = F.pad(bottom[0], self._margins())
        return torch.stack([padded[tap] for tap in self._taps()], self._axis + 1).flatten(self._axis, self._axis + 1)

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor]:
        """Add each column to the positions it was sampled from."""
        padded = F.pad(bottom[0].new_zeros(bottom[0].shape), self._margins())
        columns = top_diff[0].unflatten(self._axis, (bottom[0].shape[self._axis], -1)).unbind(self._axis + 1)
        for tap, column in zip(self._taps(), columns, strict=True):
            padded[tap] += column
        return [F.pad(padded, [-margin for margin in self._margins()])]

    def _margins(self) -> list[int]:
        """The padding in torch's order: last axis first, before and after."""
        return [pad for pad in reversed(self._window.pad) for _ in range(2)]

    def _taps(self) -> Iterator[tuple]:
        """Yield an index of the padded bottom for each kernel element, row-major."""
        window = self._window
        for offsets in itertools.product(*map(range, window.kernel)):
            spans = zip(offsets, window.dilation, window.stride, self._size, strict=True)
            yield (..., *(slice(o * d, o * d + s * (n - 1) + 1, s) for o, d, s, n in spans))
