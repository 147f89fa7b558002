"""How a layer's window slides along an axis, in whichever of its forms the prototxt gives it.

Source   caffe 9b89154 caffe.proto (ConvolutionParameter, PoolingParameter), base_conv_layer.cpp (LayerSetUp)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SLIDING = ("Convolution", "Pooling", "Deconvolution")


@dataclass(frozen=True)
class Slide:
    """A window along one axis, in cells of the layer's bottom (of a deconvolution: of its top)."""

    kernel: int
    stride: int
    pad: int
    dilation: int = 1

    @property
    def extent(self) -> int:
        """Cells from the window's first to its last, both included."""
        return self.dilation * (self.kernel - 1) + 1


def slide(layer: Any, axis: int) -> Slide:
    """The window of a Convolution, Deconvolution or Pooling along an axis, 0 for rows and 1 for columns.

    Raises   ValueError for a layer that pools globally: its window is as large as the image
    """
    if layer.type == "Pooling" and layer.pooling_param.global_pooling:
        raise ValueError(f"layer {layer.name} pools over all of the image, so no part of it will do")
    param = layer.pooling_param if layer.type == "Pooling" else layer.convolution_param
    kernel, stride, pad = (_along(param, name, axis) for name in ("kernel", "stride", "pad"))
    dilation = None if layer.type == "Pooling" else _of_axis(list(param.dilation), axis)
    return Slide(kernel or 1, stride or 1, pad or 0, dilation or 1)


def _along(param: Any, name: str, axis: int) -> int | None:
    """A value that is given for the axis alone, for each axis, or for all of them; None where it is not given."""
    own = f"{name}_{'hw'[axis]}"
    if param.HasField(own):
        return getattr(param, own)
    value = getattr(param, "kernel_size" if name == "kernel" else name)
    return value if isinstance(value, int) else _of_axis(list(value), axis)


def _of_axis(values: list[int], axis: int) -> int | None:
    return values[min(axis, len(values) - 1)] if values else None
