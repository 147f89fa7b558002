"""Sliding windows: how kernel, stride, pad and dilation are read, and the sizes that follow.

Source   caffe 9b89154 base_conv_layer.cpp (LayerSetUp), conv_layer.cpp and deconv_layer.cpp (compute_output_shape)
"""

from __future__ import annotations

from dataclasses import dataclass

from fcn_repro.caffe.layers.base import Layer


@dataclass(frozen=True)
class Window:
    """One value per spatial axis, in pixels."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pad: tuple[int, ...]
    dilation: tuple[int, ...]

    @property
    def extent(self) -> tuple[int, ...]:
        """Pixels from a dilated kernel's first to its last tap, both included."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    def convolved(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """Sizes after a convolution: rounded down, so below 1 where the kernel exceeds the padded bottom.

        Differs  C divides towards zero, so Caffe makes a top of 1 where less than a stride is missing to the kernel,
                 out of zeros that it takes from beyond the bottom.
        """
        spans = zip(size, self.pad, self.extent, self.stride, strict=True)
        return tuple((n + 2 * p - e) // s + 1 for n, p, e, s in spans)

    def deconvolved(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """Sizes after a deconvolution: the convolution's bottom that this top could have come from."""
        spans = zip(size, self.pad, self.extent, self.stride, strict=True)
        return tuple(s * (n - 1) + e - 2 * p for n, p, e, s in spans)


def convolution_window(layer: Layer, axes: int) -> Window:
    """The window of `layer.param.convolution_param` over `axes` spatial axes.

    Raises   CaffeError where the repeated form and the _h/_w form are mixed, a list has the wrong length, or a kernel
             or stride is zero.
    """
    param = layer.param.convolution_param
    window = Window(
        kernel=_per_axis(layer, "kernel", list(param.kernel_size), axes, default=None),
        stride=_per_axis(layer, "stride", list(param.stride), axes, default=1),
        pad=_per_axis(layer, "pad", list(param.pad), axes, default=0),
        dilation=_spread(layer, "dilation", list(param.dilation), axes, default=1),
    )
    for name, values in (("kernel_size", window.kernel), ("stride", window.stride), ("dilation", window.dilation)):
        if any(value < 1 for value in values):
            raise layer.error(f"has {name} {list(values)}; every value must be at least 1")
    return window


def _per_axis(layer: Layer, name: str, repeated: list[int], axes: int, default: int | None) -> tuple[int, ...]:
    param = layer.param.convolution_param
    if not (param.HasField(f"{name}_h") or param.HasField(f"{name}_w")):
        return _spread(layer, "kernel_size" if name == "kernel" else name, repeated, axes, default)
    if axes != 2:
        raise layer.error(f"gives {name}_h or {name}_w, which need 2 spatial axes; it has {axes}")
    if repeated:
        raise layer.error(f"gives {name} both as a list and as {name}_h / {name}_w; keep one of them")
    return getattr(param, f"{name}_h"), getattr(param, f"{name}_w")


def _spread(layer: Layer, name: str, repeated: list[int], axes: int, default: int | None) -> tuple[int, ...]:
    if not repeated and default is not None:
        return (default,) * axes
    if len(repeated) == 1:
        return (repeated[0],) * axes
    if len(repeated) != axes:
        raise layer.error(f"has {len(repeated)} values of {name}; expected 1 or one per spatial axis ({axes})")
    return tuple(repeated)
