"""Sliding windows: kernel, stride, pad and dilation of a layer, and the output sizes that follow.

The one reader of these parameters. It takes a LayerParameter of either engine and needs the standard library alone, so
the engine's layers and everything above the engine share it.

Source   caffe 9b89154 base_conv_layer.cpp and pooling_layer.cpp (LayerSetUp, Reshape), conv_layer.cpp and
         deconv_layer.cpp (compute_output_shape)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Sequence

SLIDING = ("Convolution", "Deconvolution", "Pooling")  # layer types of a net that slide a window


@dataclass(frozen=True)
class ConvWindow:
    """One value per spatial axis, in cells of the layer's bottom; for a deconvolution, in cells of its top."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pad: tuple[int, ...]
    dilation: tuple[int, ...]

    @property
    def extent(self) -> tuple[int, ...]:
        """Cells from a dilated kernel's first tap to its last, both included."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation))

    @property
    def is_square(self) -> bool:
        """Whether all axes have the same kernel, stride, pad and dilation."""
        return all(len(set(values)) <= 1 for values in (self.kernel, self.stride, self.pad, self.dilation))

    def convolved(self, size: Sequence[int]) -> tuple[int, ...]:
        """Sizes after a convolution: rounded down, so below 1 where the kernel exceeds the padded bottom.

        Differs  C divides towards zero. So Caffe makes a top of 1 where the kernel exceeds the padded bottom by less
                 than a stride, and reads zeros from beyond the bottom.
        """
        return tuple((n + 2 * p - e) // s + 1 for n, p, e, s in zip(size, self.pad, self.extent, self.stride))

    def deconvolved(self, size: Sequence[int]) -> tuple[int, ...]:
        """Sizes after a deconvolution: the bottom whose convolution gives `size`."""
        return tuple(s * (n - 1) + e - 2 * p for n, p, e, s in zip(size, self.pad, self.extent, self.stride))

    def pooled(self, size: Sequence[int], rounds_up: bool = True) -> tuple[int, ...]:
        """Sizes after pooling. If any pad is not 0, a last window that begins at or beyond size + pad is dropped."""
        sizes = []
        for n, k, s, p in zip(size, self.kernel, self.stride, self.pad):
            steps = n + 2 * p - k
            cells = (-(-steps // s) if rounds_up else steps // s) + 1
            sizes.append(cells - (any(self.pad) and (cells - 1) * s >= n + p))
        return tuple(sizes)


def read_window(
    layer: Any,
    axes: int | None = None,
    bottom_size: Sequence[int] | None = None,
    fault: type[Exception] = ValueError,
) -> ConvWindow:
    """The window of a Convolution, Deconvolution, Im2col or Pooling.

    Parameters
        layer         LayerParameter
        axes          spatial axes of the bottom; unless given, as many as a list in `layer` has values, else 2
        bottom_size   the bottom's spatial sizes: the kernel of global pooling
        fault         class of the error to raise

    Raises   `fault` for global pooling without `bottom_size`, or with a kernel, stride or pad; for a field beside its
             _h/_w form; for a list of the wrong length; for a missing kernel; for a kernel, stride or dilation of 0;
             for pooling whose pad is not smaller than its kernel
    """
    is_pooling = layer.type == "Pooling"
    param = layer.pooling_param if is_pooling else layer.convolution_param
    try:
        axes = _count_axes(param) if axes is None else axes
        is_global = is_pooling and param.global_pooling
        window = ConvWindow(
            kernel=_read_kernel_of_global_pooling(param, bottom_size) if is_global else _read(param, "kernel", axes),
            stride=_read(param, "stride", axes, default=1),
            pad=_read(param, "pad", axes, default=0),
            dilation=_read(param, "dilation", axes, default=1),
        )
        if is_global and (any(window.pad) or set(window.stride) != {1}):
            raise ValueError("pools globally, so it takes no kernel, no pad, and stride 1")
        for name, values in (("kernel_size", window.kernel), ("stride", window.stride), ("dilation", window.dilation)):
            if any(value < 1 for value in values):
                raise ValueError(f"has {name} {list(values)}; every value must be at least 1")
        if is_pooling and any(p >= k for p, k in zip(window.pad, window.kernel)):
            raise ValueError(f"has pad {list(window.pad)}, which must be smaller than its kernel {list(window.kernel)}")
    except ValueError as error:
        raise fault(f"layer {layer.name!r} ({layer.type}) {error}") from None
    return window


def _count_axes(param: Any) -> int:
    longest = max(len(_read_field(param, field)) for field in ("kernel_size", "stride", "pad", "dilation"))
    return longest if longest > 1 else 2


def _read_kernel_of_global_pooling(param: Any, bottom_size: Sequence[int] | None) -> tuple[int, ...]:
    if any(param.HasField(name) for name in ("kernel_size", "kernel_h", "kernel_w")):
        raise ValueError("pools globally, so it takes no kernel, no pad, and stride 1")
    if bottom_size is None:
        raise ValueError("pools the whole image, so its window depends on the image's size")
    return tuple(bottom_size)


def _read_field(param: Any, field: str) -> Sequence[int]:
    """The values of a field, which is repeated in a convolution and optional in pooling, where dilation is missing."""
    value = getattr(param, field, ())
    return ([value] if param.HasField(field) else []) if isinstance(value, int) else list(value)


def _read(param: Any, name: str, axes: int, default: int | None = None) -> tuple[int, ...]:
    """One value per axis, from the list or from the _h and _w form, as Caffe reads them."""
    field = "kernel_size" if name == "kernel" else name
    values = _read_field(param, field)
    given = [name != "dilation" and param.HasField(f"{name}_{side}") for side in "hw"]
    if hasattr(param, "global_pooling") and sum(given) == 1:
        if name != "kernel":
            raise ValueError(f"gives one of {name}_h and {name}_w; expected both or neither")
        given = [False] if values else given  # Caffe takes kernel_size then
    if any(given):
        if axes != 2:
            raise ValueError(f"gives {name}_h or {name}_w, which need 2 spatial axes; it has {axes}")
        if values:
            raise ValueError(f"gives both {field} and {name}_h or {name}_w; keep one form")
        return getattr(param, f"{name}_h"), getattr(param, f"{name}_w")
    if not values and default is None and axes:
        raise ValueError("has no kernel; give kernel_size, or kernel_h and kernel_w")
    if len(values) <= 1:
        return tuple(values or [default or 0])[:1] * axes
    if len(values) != axes:
        raise ValueError(f"has {len(values)} values of {field}; expected 1 or one per spatial axis ({axes})")
    return tuple(values)
