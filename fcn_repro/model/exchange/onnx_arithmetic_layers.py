"""ONNX nodes of layers that compute number by number, normalise, or multiply matrices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Callable, Mapping

import numpy as np

from fcn_repro.model.exchange.graph import Step, read_axis

if TYPE_CHECKING:
    from fcn_repro.model.exchange.onnx_files import Writer


def _add_operator(operator: str) -> Callable[[Writer, Step], None]:
    """Return what adds one node of an operator without attributes."""

    def add(writer: Writer, step: Step) -> None:
        writer.add(operator, step.inputs, step.output)

    return add


def _add_relu(writer: Writer, step: Step) -> None:
    slope = step.layer.relu_param.negative_slope
    if slope:
        writer.add("LeakyRelu", step.inputs, step.output, alpha=slope)
    else:
        writer.add("Relu", step.inputs, step.output)


def _add_elu(writer: Writer, step: Step) -> None:
    writer.add("Elu", step.inputs, step.output, alpha=step.layer.elu_param.alpha)


def _add_prelu(writer: Writer, step: Step) -> None:
    writer.add("PRelu", [*step.inputs, add_channels(writer, step, "slope", step.weights[0])], step.output)


def _add_clip(writer: Writer, step: Step) -> None:
    param = step.layer.clip_param
    limits = [writer.add_number(step, "min", param.min), writer.add_number(step, "max", param.max)]
    writer.add("Clip", [*step.inputs, *limits], step.output)


def _add_swish(writer: Writer, step: Step) -> None:
    (value,), beta = step.inputs, writer.add_number(step, "beta", step.layer.swish_param.beta)
    scaled = writer.add("Mul", [value, beta], f"{step.name}.scaled")
    writer.add("Mul", [value, writer.add("Sigmoid", [scaled], f"{step.name}.gate")], step.output)


def _add_threshold(writer: Writer, step: Step) -> None:
    limit = writer.add_number(step, "threshold", step.layer.threshold_param.threshold)
    above = writer.add("Greater", [*step.inputs, limit], f"{step.name}.above")
    writer.add("Cast", [above], step.output, to=writer.onnx.TensorProto.FLOAT)


def _add_line(writer: Writer, step: Step, param: Any) -> str:
    """Add shift + scale * x, with the fields of Caffe's Exp, Log and Power."""
    product = writer.add("Mul", [*step.inputs, writer.add_number(step, "scale", param.scale)], f"{step.name}.scaled")
    return writer.add("Add", [product, writer.add_number(step, "shift", param.shift)], f"{step.name}.line")


def _read_log_base(param: Any) -> float:
    return 1.0 if param.base == -1 else math.log(param.base)


def _add_exp(writer: Writer, step: Step) -> None:
    param = step.layer.exp_param
    factor = writer.add_number(step, "log_base", _read_log_base(param))
    exponent = writer.add("Mul", [_add_line(writer, step, param), factor], f"{step.name}.exponent")
    writer.add("Exp", [exponent], step.output)


def _add_log(writer: Writer, step: Step) -> None:
    param = step.layer.log_param
    natural = writer.add("Log", [_add_line(writer, step, param)], f"{step.name}.natural")
    writer.add("Div", [natural, writer.add_number(step, "log_base", _read_log_base(param))], step.output)


def _add_power(writer: Writer, step: Step) -> None:
    param = step.layer.power_param
    if param.power * param.scale == 0:  # a constant, whatever the bottom holds
        value = writer.add_number(step, "value", 1.0 if param.power == 0 else param.shift**param.power)
        writer.add("Expand", [value, writer.add("Shape", step.inputs, f"{step.name}.shape")], step.output)
        return
    power = writer.add_number(step, "power", param.power)
    writer.add("Pow", [_add_line(writer, step, param), power], step.output)


def _add_eltwise(writer: Writer, step: Step) -> None:
    param = step.layer.eltwise_param
    inputs = list(step.inputs)
    for i, coefficient in enumerate(param.coeff):
        if coefficient != 1:
            factor = writer.add_number(step, f"coeff{i}", coefficient)
            inputs[i] = writer.add("Mul", [inputs[i], factor], f"{step.name}.term{i}")
    if param.operation == param.PROD:
        for i, value in enumerate(inputs[1:-1]):
            inputs[0] = writer.add("Mul", [inputs[0], value], f"{step.name}.product{i}")
        inputs = [inputs[0], inputs[-1]]
    writer.add({param.SUM: "Sum", param.MAX: "Max", param.PROD: "Mul"}[param.operation], inputs, step.output)


def _add_scale(writer: Writer, step: Step) -> None:
    """Multiply by factors along some axes, weights or a second bottom, and add terms if there are any."""
    axis, weights = step.layer.scale_param.axis, list(step.weights)
    factor = _add_operand(writer, step, axis, None if len(step.inputs) > 1 else weights.pop(0), "factor")
    product = writer.add("Mul", [step.inputs[0], factor], f"{step.name}.scaled" if weights else step.output)
    if weights:
        writer.add("Add", [product, _add_operand(writer, step, axis, weights[0], "term")], step.output)


def _add_bias(writer: Writer, step: Step) -> None:
    weights = None if len(step.inputs) > 1 else step.weights[0]
    term = _add_operand(writer, step, step.layer.bias_param.axis, weights, "term")
    writer.add("Add", [step.inputs[0], term], step.output)


def _add_operand(writer: Writer, step: Step, axis: int, weights: np.ndarray | None, key: str) -> str:
    """Add weights, or the second bottom, with ones appended so that their first axis stands at `axis`."""
    ndim = len(step.shapes[1]) if weights is None else weights.ndim
    start = 0 if ndim == 0 else read_axis(axis, step)
    ones = len(step.shapes[0]) - start - ndim
    if weights is not None:
        return writer.add_constant(f"{step.name}.{key}", weights.reshape(*weights.shape, *[1] * ones))
    shape = writer.add_integers(step, f"{key}_shape", [0] * ndim + [1] * ones)  # 0 copies a dim
    return writer.add("Reshape", [step.inputs[1], shape], f"{step.name}.{key}")


def add_channels(writer: Writer, step: Step, name: str, values: np.ndarray) -> str:
    """Add a constant with one value per channel, or one for all: (C, 1, 1) or (1, 1, 1) for (N, C, H, W)."""
    ones = [1] * (len(step.shapes[0]) - 2)
    return writer.add_constant(f"{step.name}.{name}", values.reshape(-1, *ones).astype(np.float32))


def _add_batch_norm(writer: Writer, step: Step) -> None:
    param = step.layer.batch_norm_param
    if param.HasField("use_global_stats") and not param.use_global_stats:
        axes = [axis for axis in range(len(step.shapes[0])) if axis != 1]
        centred = _add_centred(writer, step, axes)
        variance = _add_variance(writer, step, centred, axes)
        total = writer.add("Add", [variance, writer.add_number(step, "eps", param.eps)], f"{step.name}.total")
        deviation = writer.add("Sqrt", [total], f"{step.name}.deviation")
    else:
        mean, variances, weight = step.weights
        factor = np.float32(0 if weight[0] == 0 else 1 / weight[0])
        mean_name = add_channels(writer, step, "mean", mean * factor)
        centred = writer.add("Sub", [*step.inputs, mean_name], f"{step.name}.centred")
        deviation = add_channels(writer, step, "deviation", np.sqrt(variances * factor + np.float32(param.eps)))
    writer.add("Div", [centred, deviation], step.output)


def _add_mvn(writer: Writer, step: Step) -> None:
    """Subtract each map's or image's mean and divide by its deviation."""
    param, rank = step.layer.mvn_param, len(step.shapes[0])
    if rank < 3 and not param.across_channels:
        raise ValueError(f"layer {step.layer.name} normalises single numbers; expected a bottom (N, C, H, W)")
    axes = [*range(1 if param.across_channels else 2, rank)]
    result = _add_centred(writer, step, axes)
    if param.normalize_variance:
        deviation = writer.add("Sqrt", [_add_variance(writer, step, result, axes)], f"{step.name}.root")
        eps = writer.add_number(step, "eps", param.eps)
        divisor = writer.add("Add", [deviation, eps], f"{step.name}.deviation")
        result = writer.add("Div", [result, divisor], f"{step.name}.unit")
    shape = writer.add_integers(step, "shape", [0] * rank + [1] * (4 - rank))
    writer.add("Reshape", [result, shape], step.output)


def _add_centred(writer: Writer, step: Step, axes: list[int]) -> str:
    mean = writer.add("ReduceMean", step.inputs, f"{step.name}.mean", axes=axes)
    return writer.add("Sub", [*step.inputs, mean], f"{step.name}.centred")


def _add_variance(writer: Writer, step: Step, centred: str, axes: list[int]) -> str:
    square = writer.add("Mul", [centred, centred], f"{step.name}.square")
    return writer.add("ReduceMean", [square], f"{step.name}.variance", axes=axes)


def _add_inner_product(writer: Writer, step: Step) -> None:
    """Multiply rows, which hold all axes from `axis` on, with the weights."""
    param, (weights, *bias) = step.layer.inner_product_param, step.weights
    axis = read_axis(param.axis, step)
    if axis == 1:
        flat = writer.add("Flatten", step.inputs, f"{step.name}.flat", axis=1)
        writer.add("Gemm", [flat, *writer.add_weights(step)], step.output, transB=int(not param.transpose))
        return
    shape = writer.add_integers(step, "shape", [0] * axis + [-1])
    rows = writer.add("Reshape", [*step.inputs, shape], f"{step.name}.rows")
    matrix = writer.add_constant(f"{step.name}.0", weights if param.transpose else weights.T)
    product = writer.add("MatMul", [rows, matrix], f"{step.name}.product" if bias else step.output)
    if bias:
        writer.add("Add", [product, writer.add_constant(f"{step.name}.1", bias[0])], step.output)


def _add_embed(writer: Writer, step: Step) -> None:
    rows = writer.add("Cast", step.inputs, f"{step.name}.rows", to=writer.onnx.TensorProto.INT64)
    weights, *bias = writer.add_weights(step)
    found = writer.add("Gather", [weights, rows], f"{step.name}.found" if bias else step.output, axis=0)
    if bias:
        writer.add("Add", [found, *bias], step.output)


ARITHMETIC_WRITERS: Mapping[str, Callable[[Writer, Step], None]] = {
    "AbsVal": _add_operator("Abs"),
    "BNLL": _add_operator("Softplus"),
    "BatchNorm": _add_batch_norm,
    "Bias": _add_bias,
    "Clip": _add_clip,
    "ELU": _add_elu,
    "Eltwise": _add_eltwise,
    "Embed": _add_embed,
    "Exp": _add_exp,
    "InnerProduct": _add_inner_product,
    "Log": _add_log,
    "MVN": _add_mvn,
    "PReLU": _add_prelu,
    "Power": _add_power,
    "ReLU": _add_relu,
    "Scale": _add_scale,
    "Sigmoid": _add_operator("Sigmoid"),
    "Swish": _add_swish,
    "TanH": _add_operator("Tanh"),
    "Threshold": _add_threshold,
}
