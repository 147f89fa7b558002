"""ONNX nodes of the layers that forks of Caffe add; ONNX has an operation, or a few, for each of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Mapping

import numpy as np

from fcn_repro.model.exchange.graph import Step
from fcn_repro.model.exchange.onnx_arithmetic_layers import add_channels

if TYPE_CHECKING:
    from fcn_repro.model.exchange.onnx_files import Writer


def _add_interp(writer: Writer, step: Step) -> None:
    """Resize between corners, to sizes that follow from the image's at run time."""
    param, (value,) = step.layer.interp_param, step.inputs
    if param.pad_beg or param.pad_end:
        value = _crop(writer, step, -param.pad_beg, param.pad_end)
    has_size = param.HasField("height") and param.HasField("width")
    factors = [param.HasField(name) for name in ("zoom_factor", "shrink_factor")]
    if not any(factors) or (all(factors) and has_size):
        size = writer.add_constant(f"{step.name}.size", np.array([param.height, param.width], np.int64))
    else:
        one = writer.add_constant(f"{step.name}.one", np.array([1], np.int64))
        size = writer.add("Shape", [value], f"{step.name}.shape", start=2, end=4)
        size = writer.add("Sub", [size, one], f"{step.name}.steps")
        for operator, factor in (("Div", param.shrink_factor), ("Mul", param.zoom_factor)):
            number = writer.add_constant(f"{step.name}.{operator}.by", np.array([factor], np.int64))
            size = writer.add(operator, [size, number], f"{step.name}.{operator}")
        size = writer.add("Add", [size, one], f"{step.name}.size")
    batch = writer.add("Shape", [value], f"{step.name}.batch", start=0, end=2)
    sizes = writer.add("Concat", [batch, size], f"{step.name}.sizes", axis=0)
    mode = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
    writer.add("Resize", [value, "", "", sizes], step.output, **mode)


def _crop(writer: Writer, step: Step, begin: int, end: int) -> str:
    """Slice off `begin` cells above and left, and -`end` below and right."""
    limits = ((begin, begin), (end or 2**31, end or 2**31), (2, 3))
    names = ("begin", "end", "axes")
    arrays = [writer.add_constant(f"{step.name}.{n}", np.array(a, np.int64)) for n, a in zip(names, limits)]
    return writer.add("Slice", [step.inputs[0], *arrays], f"{step.name}.cropped")


def _add_bn(writer: Writer, step: Step) -> None:
    """Scale and shift each channel: SegNet's INFERENCE, and PSPNet's running statistics."""
    param = step.layer.bn_param
    if len(step.weights) == 2:
        if param.bn_mode == param.LEARN:
            raise ValueError(
                f"layer {step.layer.name} normalises by each batch; expected fixed statistics. Fix: merge the training "
                "set's statistics into scale and shift, and set bn_mode: INFERENCE"
            )
        factor, term = step.weights
    else:
        slope, bias, mean, variance = step.weights
        factor = slope / np.sqrt(variance + np.float32(param.eps))
        term = bias - mean * factor
    product = writer.add("Mul", [step.inputs[0], add_channels(writer, step, "factor", factor)], f"{step.name}.scaled")
    writer.add("Add", [product, add_channels(writer, step, "term", term)], step.output)


def _add_upsample(writer: Writer, step: Step) -> None:
    """MaxUnpool to the size of the pooling layer's bottom, by the indices of ONNX's MaxPool."""
    value, mask = step.inputs
    if not mask.endswith(".1"):
        raise ValueError(f"layer {step.layer.name} reads the mask {mask}; expected the second top of a pooling layer")
    batch = writer.add("Shape", [value], f"{step.name}.batch", start=0, end=2)
    if step.layer.type == "Unpooling":
        param = step.layer.unpooling_param
        given = (param.unpool_h or param.unpool_size, param.unpool_w or param.unpool_size)
    else:
        param = step.layer.upsample_param
        given = (param.upsample_h, param.upsample_w)
    if all(given):
        size = writer.add_constant(f"{step.name}.size", np.array(given, np.int64))
    elif step.layer.type == "Unpooling":
        raise ValueError(f"layer {step.layer.name} has no size; expected unpool_size, or unpool_h and unpool_w")
    else:
        factors = (param.scale_h or param.scale, param.scale_w or param.scale)
        size = writer.add("Shape", [value], f"{step.name}.shape", start=2, end=4)
        by = writer.add_constant(f"{step.name}.by", np.array(factors, np.int64))
        less = writer.add_constant(f"{step.name}.less", np.array([param.pad_out_h, param.pad_out_w], np.int64))
        size = writer.add("Mul", [size, by], f"{step.name}.scaled")
        size = writer.add("Sub", [size, less], f"{step.name}.size")
    sizes = writer.add("Concat", [batch, size], f"{step.name}.sizes", axis=0)
    # The window only limits the size from below, and a last window may exceed the image; the indices place the values.
    writer.add("MaxUnpool", [value, mask, sizes], step.output, kernel_shape=[1, 1], strides=[1, 1])


def _add_axpy(writer: Writer, step: Step) -> None:
    factor, x, y = step.inputs
    shape = writer.add_constant(f"{step.name}.shape", np.array([0, 0, 1, 1], np.int64))
    factor = writer.add("Reshape", [factor, shape], f"{step.name}.factor")
    writer.add("Add", [writer.add("Mul", [factor, x], f"{step.name}.product"), y], step.output)


def _add_normalize(writer: Writer, step: Step) -> None:
    param, (value,) = step.layer.norm_param, step.inputs
    axes = writer.add_constant(f"{step.name}.axes", np.array([1, 2, 3] if param.across_spatial else [1], np.int64))
    total = writer.add(
        "ReduceSum", [writer.add("Mul", [value, value], f"{step.name}.square"), axes], f"{step.name}.sum"
    )
    eps = writer.add_constant(f"{step.name}.eps", np.array(param.eps, np.float32))
    norm = writer.add("Sqrt", [writer.add("Add", [total, eps], f"{step.name}.total")], f"{step.name}.norm")
    unit = writer.add("Div", [value, norm], f"{step.name}.unit")
    writer.add("Mul", [unit, add_channels(writer, step, "scale", step.weights[0])], step.output)


def _add_permute(writer: Writer, step: Step) -> None:
    order = list(step.layer.permute_param.order)
    perm = order + [axis for axis in range(4) if axis not in order]
    writer.add("Transpose", step.inputs, step.output, perm=perm)


FORK_WRITERS: Mapping[str, Callable[[Writer, Step], None]] = {
    "Axpy": _add_axpy,
    "BN": _add_bn,
    "Interp": _add_interp,
    "Normalize": _add_normalize,
    "Permute": _add_permute,
    "Unpooling": _add_upsample,
    "Upsample": _add_upsample,
}
