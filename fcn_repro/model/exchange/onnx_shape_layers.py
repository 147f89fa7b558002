"""ONNX nodes of layers that reshape, select, combine or reduce."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Mapping

import numpy as np

from fcn_repro.layer_params.crop_offsets import read_crop_offsets
from fcn_repro.layer_params.layer_axis import read_layer_axis
from fcn_repro.model.exchange.graph import Step, read_axis

if TYPE_CHECKING:
    from fcn_repro.model.exchange.onnx_files import Writer

END = 2**31 - 1  # beyond every axis


def _add_concat(writer: Writer, step: Step) -> None:
    writer.add("Concat", step.inputs, step.output, axis=read_axis(read_layer_axis(step.layer), step))


def _add_softmax(writer: Writer, step: Step) -> None:
    writer.add("Softmax", step.inputs, step.output, axis=step.layer.softmax_param.axis)


def _add_slice(writer: Writer, step: Step) -> None:
    axis, points = read_axis(read_layer_axis(step.layer), step), [*step.layer.slice_param.slice_point]
    if not points:
        writer.add("Split", step.inputs, *step.outputs, axis=axis)
        return
    for output, begin, end in zip(step.outputs, [0, *points], [*points, END]):
        _slice(writer, step, output, [begin], [end], [axis])


def _slice(writer: Writer, step: Step, output: str, *limits: list[int]) -> None:
    """Slice the first bottom by begins, ends and axes."""
    names = [f"{output}.{key}" for key in ("begin", "end", "axes")]
    arrays = [writer.add_constant(name, np.array(limit, np.int64)) for name, limit in zip(names, limits)]
    writer.add("Slice", [step.inputs[0], *arrays], output)


def _add_crop(writer: Writer, step: Step) -> None:
    """Slice to the second bottom's size from `axis` on, which is known only at run time."""
    value, like = step.inputs
    axis, rank = read_axis(step.layer.crop_param.axis, step), len(step.shapes[0])
    start = writer.add_integers(step, "start", read_crop_offsets(step.layer, rank - axis))
    size = writer.add("Shape", [like], f"{step.name}.size", start=axis, end=rank)
    end = writer.add("Add", [start, size], f"{step.name}.end")
    axes = writer.add_integers(step, "axes", [*range(axis, rank)])
    writer.add("Slice", [value, start, end, axes], step.output)


def _add_flatten(writer: Writer, step: Step) -> None:
    param = step.layer.flatten_param
    _reshape(writer, step, read_axis(param.axis, step), read_axis(param.end_axis, step) + 1, [-1])


def _add_reshape(writer: Writer, step: Step) -> None:
    param, rank = step.layer.reshape_param, len(step.shapes[0])
    start = param.axis if param.axis >= 0 else rank + 1 + param.axis
    _reshape(writer, step, start, rank if param.num_axes == -1 else start + param.num_axes, [*param.shape.dim])


def _reshape(writer: Writer, step: Step, start: int, end: int, dims: list[int]) -> None:
    """Replace the axes from `start` to before `end` by `dims`; 0 copies the dim at the same place."""
    parts, rank = [], len(step.shapes[0])
    if start:
        parts.append(writer.add("Shape", step.inputs, f"{step.name}.before", start=0, end=start))
    for i, dim in enumerate(dims):
        if dim == 0:
            parts.append(writer.add("Shape", step.inputs, f"{step.name}.dim{i}", start=start + i, end=start + i + 1))
        else:
            parts.append(writer.add_integers(step, f"dim{i}", [dim]))
    if end < rank:
        parts.append(writer.add("Shape", step.inputs, f"{step.name}.after", start=end, end=rank))
    shape = (
        writer.add("Concat", parts, f"{step.name}.shape", axis=0) if parts else writer.add_integers(step, "none", [])
    )
    writer.add("Reshape", [*step.inputs, shape], step.output)


def _add_arg_max(writer: Writer, step: Step) -> None:
    """Take the largest values along an axis; of equal values the larger index, so the axis is reversed before."""
    param, (value,), rank = step.layer.argmax_param, step.inputs, len(step.shapes[0])
    has_axis = param.HasField("axis")
    axis = read_axis(param.axis, step) if has_axis else 1
    if not has_axis:
        value = writer.add("Flatten", [value], f"{step.name}.flat", axis=1)
    limits = [
        writer.add_integers(step, key, [v]) for key, v in (("begin", -1), ("end", -END), ("axes", axis), ("by", -1))
    ]
    reverse = writer.add("Slice", [value, *limits], f"{step.name}.reverse")
    count = writer.add_integers(step, "count", [param.top_k])
    values, places = f"{step.name}.values", f"{step.name}.places"
    writer.add("TopK", [reverse, count], values, places, axis=axis)
    size = writer.add("Shape", [value], f"{step.name}.size", start=axis, end=axis + 1)
    last = writer.add("Sub", [size, writer.add_integers(step, "one", [1])], f"{step.name}.last")
    found = writer.add("Sub", [last, places], f"{step.name}.found")
    indices = writer.add("Cast", [found], f"{step.name}.indices", to=writer.onnx.TensorProto.FLOAT)
    if has_axis:
        writer.add("Identity", [values if param.out_max_val else indices], step.output)
        return
    pair = [indices, values] if param.out_max_val else [indices]
    both = writer.add("Concat", pair, f"{step.name}.both", axis=1)
    ones = [1] * (rank - 3)
    shape = writer.add_integers(step, "shape", [-1, len(pair), param.top_k, *ones])
    writer.add("Reshape", [both, shape], step.output)


def _add_reduction(writer: Writer, step: Step) -> None:
    """Reduce all axes from `axis` on."""
    param, (value,) = step.layer.reduction_param, step.inputs
    axes = [*range(read_axis(param.axis, step), len(step.shapes[0]))]
    output = step.output if param.coeff == 1 else f"{step.name}.reduced"
    if param.operation == param.SUM:
        writer.add("ReduceSum", [value, writer.add_integers(step, "axes", axes)], output, keepdims=0)
    else:
        operators = {param.ASUM: "ReduceL1", param.SUMSQ: "ReduceSumSquare", param.MEAN: "ReduceMean"}
        writer.add(operators[param.operation], [value], output, axes=axes, keepdims=0)
    if param.coeff != 1:
        writer.add("Mul", [output, writer.add_number(step, "coeff", param.coeff)], step.output)


def _add_tile(writer: Writer, step: Step) -> None:
    repeats = [1] * len(step.shapes[0])
    repeats[read_axis(step.layer.tile_param.axis, step)] = step.layer.tile_param.tiles
    writer.add("Tile", [*step.inputs, writer.add_integers(step, "repeats", repeats)], step.output)


def _add_batch_reindex(writer: Writer, step: Step) -> None:
    value, places = step.inputs
    rows = writer.add("Cast", [places], f"{step.name}.rows", to=writer.onnx.TensorProto.INT64)
    writer.add("Gather", [value, rows], step.output, axis=0)


def _add_parameter(writer: Writer, step: Step) -> None:
    writer.add("Identity", writer.add_weights(step), step.output)


SHAPE_WRITERS: Mapping[str, Callable[[Writer, Step], None]] = {
    "ArgMax": _add_arg_max,
    "BatchReindex": _add_batch_reindex,
    "Concat": _add_concat,
    "Crop": _add_crop,
    "Flatten": _add_flatten,
    "Parameter": _add_parameter,
    "Reduction": _add_reduction,
    "Reshape": _add_reshape,
    "Slice": _add_slice,
    "Softmax": _add_softmax,
    "Tile": _add_tile,
}
