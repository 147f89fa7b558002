"""A net as a graph of steps: every value has its own name, and layers that only training needs are removed.

Caffe's layers may overwrite their bottoms; ONNX forbids it, and in Python it obscures. So each step makes new values.
Deconvolutions that interpolate channel by channel are dense in Caffe's files, with zeros off the diagonal; here they
are grouped, with the same result and 1/C of the work for C classes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Mapping, Sequence

import numpy as np

from fcn_repro.engine import caffe

IDENTITY = ("Dropout", "Split", "Silence")  # at test time


@dataclass(frozen=True)
class Step:
    """A layer of the net."""

    layer: Any  # LayerParameter
    inputs: Sequence[str]  # values
    output: str  # value of the first top; that of a pooling layer's mask is OUTPUT.1
    weights: Sequence[np.ndarray]
    group: int = 1  # of convolutions
    shapes: Sequence[tuple[int, ...]] = ()  # of the bottoms, at the size of the prototxt

    @property
    def outputs(self) -> Sequence[str]:
        """Values of all tops."""
        return [self.output, *(f"{self.output}.{index}" for index in range(1, len(self.layer.top)))]

    @property
    def name(self) -> str:
        """The layer's name as an identifier."""
        return to_identifier(self.layer.name)


@dataclass(frozen=True)
class Graph:
    """A net: inputs, steps in order, outputs."""

    inputs: Mapping[str, Sequence[int]]  # the shape of each, (N, C, H, W) for images
    steps: Sequence[Step]
    outputs: Mapping[str, str]  # the value of each blob
    output_ranks: Sequence[int]  # axes of each output

    @property
    def has_fixed_size(self) -> bool:
        """Whether the net takes one image size only: a layer has weights or fixed dims for all of a feature map."""
        if len({tuple(dims[2:]) for dims in self.inputs.values()}) > 1 or any(
            len(d) != 4 for d in self.inputs.values()
        ):
            return True
        maps = {to_identifier(name) for name in self.inputs}  # values whose shape follows from the image's size
        for step in self.steps:
            if not maps.isdisjoint(step.inputs) and not _pools_globally(step):
                if step.layer.type == "InnerProduct" or _spans_map(step) or _has_size(step.layer):
                    return True
                maps.update(step.outputs)
        return False


def build_graph(net_param: Any, net: caffe.Net) -> Graph:
    """Build the graph of a deploy net from its prototxt and the net with its weights.

    Raises   ValueError for names that differ only in signs, and for an output that is a mask of pooling
    """
    current: dict[str, str] = {}
    inputs: dict[str, Sequence[int]] = {}
    steps: list[Step] = []
    kept = {*net._layer_names}  # in the TEST phase
    for layer in net_param.layer:
        if layer.name not in kept:
            continue
        if layer.type == "Input":
            shapes = list(layer.input_param.shape) * (len(layer.top) if len(layer.input_param.shape) == 1 else 1)
            for top, shape in zip(layer.top, shapes):
                inputs[top] = tuple(shape.dim)
                current[top] = to_identifier(top)
        elif layer.type in IDENTITY and not _is_sampled(layer):
            current.update((top, current[layer.bottom[0]]) for top in layer.top)
        else:
            step = _make_step(layer, [current[blob] for blob in layer.bottom], net)
            steps.append(step)
            current.update(zip(layer.top, step.outputs))
    names = [*inputs, *(step.output for step in steps)]
    if len({*names}) < len(names) or len({step.name for step in steps}) < len(steps):
        raise ValueError("two layers or blobs have names that differ only in signs. Fix: rename one of them")
    outputs = {blob: current[blob] for blob in net.outputs}
    pooled = {f"{step.output}.1" for step in steps if step.layer.type == "Pooling"}
    masks = [blob for blob, value in outputs.items() if value in pooled]
    if masks:
        raise ValueError(f"the output {masks[0]} is a mask of pooling, which has no equivalent elsewhere. Fix: drop it")
    ranks = [net.blobs[blob].data.ndim for blob in outputs]
    return Graph(inputs, _free_names(steps, outputs), outputs, ranks)


def _free_names(steps: Sequence[Step], outputs: Mapping[str, str]) -> Sequence[Step]:
    """Rename a value that has the name of an output whose last layer works in place: the output is another value."""
    taken = {name: f"{name}_before" for blob, value in outputs.items() if value != (name := to_identifier(blob))}
    tops = {step.output: len(step.layer.top) for step in steps}
    others = ((f"{name}.{i}", f"{new}.{i}") for name, new in taken.items() for i in range(1, tops.get(name, 1)))
    taken.update(dict(others))
    return [
        replace(
            step, inputs=[taken.get(value, value) for value in step.inputs], output=taken.get(step.output, step.output)
        )
        for step in steps
    ]


def rounds_up(pooling_param: Any) -> bool:
    """Whether pooling rounds its size up; a field that Caffe 1.0 lacks decides."""
    return getattr(pooling_param, "round_mode", 0) == 0


def _has_size(layer: Any) -> bool:
    """Whether a fork's layer names the size of its top."""
    if layer.type == "Interp":
        return layer.interp_param.HasField("height")
    if layer.type == "Upsample":
        return layer.upsample_param.HasField("upsample_h")
    return layer.type == "Unpooling"


def _pools_globally(step: Step) -> bool:
    """Whether the layer's top has one shape for images of every size."""
    layer = step.layer
    if layer.type == "Reduction":
        return read_axis(layer.reduction_param.axis, step) <= 2
    if layer.type == "ArgMax":
        return not layer.argmax_param.HasField("axis")
    return (layer.type == "Pooling" and layer.pooling_param.global_pooling) or layer.type == "SPP"


def _spans_map(step: Step) -> bool:
    """Whether a Reshape gives all dims, or weights of a Scale or Bias have the height or width of the bottom."""
    if step.layer.type == "Reshape":
        dims = [*step.layer.reshape_param.shape.dim]
        return -1 not in dims and any(dims)
    if step.layer.type not in ("Scale", "Bias"):
        return False
    param = step.layer.scale_param if step.layer.type == "Scale" else step.layer.bias_param
    return len(step.inputs) == 1 and read_axis(param.axis, step) + step.weights[0].ndim > 2


def _is_sampled(layer: Any) -> bool:
    """Whether a fork's dropout draws at test time too."""
    return layer.type == "Dropout" and getattr(layer.dropout_param, "sample_weights_test", False)


def read_axis(axis: int, step: Step) -> int:
    """Count an axis of the first bottom from the front."""
    return axis if axis >= 0 else axis + len(step.shapes[0])


def to_identifier(name: str) -> str:
    """Turn a layer's or blob's name into a Python identifier: inception_3a/1x1 becomes inception_3a_1x1."""
    plain = re.sub(r"\W", "_", name)
    return f"_{plain}" if plain[:1].isdigit() else plain


def _make_step(layer: Any, inputs: Sequence[str], net: caffe.Net) -> Step:
    in_place = layer.top[0] in layer.bottom
    output = to_identifier(layer.name if in_place or not layer.top else layer.top[0])
    shapes = [tuple(net.blobs[blob].data.shape) for blob in layer.bottom]
    weights = [np.array(blob.data) for blob in net.params[layer.name]] if layer.name in net.params else []
    if layer.type not in ("Convolution", "Deconvolution"):
        return Step(layer, inputs, output, weights, 1, shapes)
    group = max(layer.convolution_param.group, 1)
    if layer.type == "Deconvolution" and group == 1 and _is_diagonal(weights[0]):
        group = len(weights[0])
        weights = [weights[0][np.arange(group), np.arange(group)][:, np.newaxis], *weights[1:]]
    return Step(layer, inputs, output, weights, group, shapes)


def _is_diagonal(weights: np.ndarray) -> bool:
    """Return whether (C, C, k, k) filters connect each channel only to itself."""
    if weights.shape[0] != weights.shape[1]:
        return False
    return not weights[~np.eye(len(weights), dtype=bool)].any()
