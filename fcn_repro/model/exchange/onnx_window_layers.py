"""ONNX nodes of layers with windows: convolution, pooling, and normalization of neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Mapping

import numpy as np

from fcn_repro.layer_params.conv_window import read_window
from fcn_repro.model.exchange.graph import Step, read_axis, rounds_up

if TYPE_CHECKING:
    from fcn_repro.model.exchange.onnx_files import Writer

LOWEST = float(np.finfo(np.float32).min)  # the maximum of an empty window, as in Caffe


def _window_attributes(step: Step) -> dict[str, Any]:
    """Return kernel, stride, pads and dilation as ONNX's attributes."""
    window = read_window(step.layer, len(step.shapes[0]) - 2)
    pads = [*window.pad] * 2  # above, left, below, right
    attributes = {"kernel_shape": [*window.kernel], "strides": [*window.stride], "pads": pads}
    if step.layer.type == "Pooling":
        return attributes
    return {**attributes, "dilations": [*window.dilation], "group": step.group}


def _add_convolution(writer: Writer, step: Step) -> None:
    """Convolve each bottom with the same weights."""
    if len(step.shapes[0]) < 3 or read_axis(step.layer.convolution_param.axis, step) != 1:
        raise ValueError(f"layer {step.layer.name} has its channels elsewhere; expected axis 1 of (N, C, H, W)")
    operator = "ConvTranspose" if step.layer.type == "Deconvolution" else "Conv"
    weights = writer.add_weights(step)
    for value, output in zip(step.inputs, step.outputs):
        writer.add(operator, [value, *weights], output, **_window_attributes(step))


def _add_im2col(writer: Writer, step: Step) -> None:
    """Convolve each channel with one filter per tap, which is 1 there and 0 elsewhere."""
    if len(step.shapes[0]) != 4 or read_axis(step.layer.convolution_param.axis, step) != 1:
        raise ValueError(f"layer {step.layer.name} has its channels elsewhere; expected axis 1 of (N, C, H, W)")
    window, channels = read_window(step.layer, 2), step.shapes[0][1]
    taps = int(np.prod(window.kernel))
    filters = np.tile(np.eye(taps, dtype=np.float32).reshape(taps, 1, *window.kernel), (channels, 1, 1, 1))
    attributes = {**_window_attributes(step), "group": channels}
    writer.add("Conv", [*step.inputs, writer.add_constant(f"{step.name}.taps", filters)], step.output, **attributes)


def _add_pooling(writer: Writer, step: Step) -> None:
    param = step.layer.pooling_param
    if param.pool not in (param.MAX, param.AVE):
        raise ValueError(f"layer {step.layer.name} pools with STOCHASTIC; expected MAX or AVE")
    kind = "MaxPool" if param.pool == param.MAX else "AveragePool"
    included = {} if kind == "MaxPool" else {"count_include_pad": 1}
    if param.global_pooling:
        _refuse_mask(step, "globally")
        writer.add(f"Global{kind}", step.inputs, step.output)
        return
    window = read_window(step.layer)
    if {*window.stride} == {1}:
        writer.add(kind, step.inputs, *step.outputs, **_window_attributes(step), **included)
    elif kind == "MaxPool" and not any(window.pad) and all(s <= k for s, k in zip(window.stride, window.kernel)):
        attributes = {"ceil_mode": int(rounds_up(param)), **_window_attributes(step)}
        writer.add(kind, step.inputs, *step.outputs, **attributes)
    else:
        _refuse_mask(step, "with stride and pad")
        _add_padded_pooling(writer, step, kind)


def _refuse_mask(step: Step, how: str) -> None:
    if len(step.layer.top) > 1:
        raise ValueError(f"layer {step.layer.name} has a mask and pools {how}; expected a window without pad")


def _add_padded_pooling(writer: Writer, step: Step, kind: str) -> None:
    """Pool a bottom that is padded up to Caffe's last window, which programs without this round differently.

    An average divides by the cells of the window within the bottom and Caffe's pad, so averages are divided by averages
    of ones there.
    """
    window, (value,) = read_window(step.layer), step.inputs
    attributes = {"kernel_shape": [*window.kernel], "strides": [*window.stride]}
    below = _add_last_pad(writer, step)
    size = writer.add("Shape", [value], f"{step.name}.pooled_size", start=2, end=4)
    pads = [writer.add_constant(f"{step.name}.{n}", np.array(v, np.int64)) for n, v in
            (("head", [0, 0, *window.pad, 0, 0]), ("ends", [*window.pad]), ("heads", [0, 0, 0, 0, 0, 0]))]  # fmt: skip
    whole = writer.add("Concat", [pads[0], writer.add("Add", [below, pads[1]], f"{step.name}.below")],
                       f"{step.name}.pads", axis=0)  # fmt: skip
    fill = writer.add_constant(f"{step.name}.fill", np.array(LOWEST if kind == "MaxPool" else 0, np.float32))
    padded = writer.add("Pad", [value, whole, fill], f"{step.name}.padded")
    if kind == "MaxPool":
        writer.add(kind, [padded], step.output, **attributes)
        return
    twice = writer.add_constant(f"{step.name}.twice", np.array([2 * pad for pad in window.pad], np.int64))
    one = writer.add_constant(f"{step.name}.one", np.array([1, 1], np.int64))
    cells = writer.add("Concat", [one, writer.add("Add", [size, twice], f"{step.name}.within")], f"{step.name}.cells",
                       axis=0)  # fmt: skip
    ones = writer.add("Expand", [writer.add_constant(f"{step.name}.ones", np.ones((1, 1, 1, 1), np.float32)), cells],
                      f"{step.name}.inside")  # fmt: skip
    rest = writer.add("Concat", [pads[2], below], f"{step.name}.rest", axis=0)
    share = writer.add("AveragePool", [writer.add("Pad", [ones, rest, fill], f"{step.name}.counted")],
                       f"{step.name}.share", **attributes)  # fmt: skip
    mean = writer.add("AveragePool", [padded], f"{step.name}.mean", **attributes)
    writer.add("Div", [mean, share], step.output)


def _add_last_pad(writer: Writer, step: Step) -> str:
    """Add the number of cells that Caffe's last window exceeds bottom and pad by; negative where cells are left over.

    Caffe makes ceil((n + 2 pad - kernel) / stride) + 1 windows, and drops one that begins at or beyond n + pad.
    """
    window, name = read_window(step.layer), f"{step.name}.last"

    def constant(key: str, values: Any) -> str:
        return writer.add_constant(f"{name}.{key}", np.array(values, np.int64))

    size = writer.add("Shape", step.inputs, f"{name}.size", start=2, end=4)
    stride = constant("stride", [*window.stride])
    up = [s - 1 if rounds_up(step.layer.pooling_param) else 0 for s in window.stride]
    extra = constant("extra", [2 * p - k + u for p, k, u in zip(window.pad, window.kernel, up)])
    steps = writer.add("Div", [writer.add("Add", [size, extra], f"{name}.room"), stride], f"{name}.steps")
    if any(window.pad):
        end = writer.add("Add", [size, constant("pad", [*window.pad])], f"{name}.end")
        start = writer.add("Mul", [steps, stride], f"{name}.start")
        beyond = writer.add("GreaterOrEqual", [start, end], f"{name}.beyond")
        steps = writer.add("Sub", [steps, writer.add("Cast", [beyond], f"{name}.dropped", to=7)], f"{name}.kept")
    start = writer.add("Mul", [steps, stride], f"{name}.begin")
    last = writer.add("Add", [start, constant("kernel", [*window.kernel])], f"{name}.cells")
    whole = writer.add("Add", [size, constant("pads", [2 * pad for pad in window.pad])], f"{name}.padded")
    return writer.add("Sub", [last, whole], f"{name}.excess")


def _add_lrn(writer: Writer, step: Step) -> None:
    param = step.layer.lrn_param
    if param.norm_region == param.ACROSS_CHANNELS:
        rest = {"size": param.local_size, "alpha": param.alpha, "beta": param.beta, "bias": param.k}
        writer.add("LRN", step.inputs, step.output, **rest)
        return
    (value,), size = step.inputs, param.local_size  # Caffe ignores k here
    window = {"kernel_shape": [size] * 2, "pads": [(size - 1) // 2] * 4, "count_include_pad": 1}
    square = writer.add("Mul", [value, value], f"{step.name}.square")
    mean = writer.add("AveragePool", [square], f"{step.name}.mean", **window)
    scaled = writer.add("Mul", [mean, writer.add_number(step, "alpha", param.alpha)], f"{step.name}.scaled")
    total = writer.add("Add", [scaled, writer.add_number(step, "one", 1)], f"{step.name}.total")
    divisor = writer.add("Pow", [total, writer.add_number(step, "beta", param.beta)], f"{step.name}.divisor")
    writer.add("Div", [value, divisor], step.output)


WINDOW_WRITERS: Mapping[str, Callable[[Writer, Step], None]] = {
    "Convolution": _add_convolution,
    "Deconvolution": _add_convolution,
    "Im2col": _add_im2col,
    "LRN": _add_lrn,
    "Pooling": _add_pooling,
}
