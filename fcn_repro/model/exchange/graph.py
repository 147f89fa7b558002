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
from fcn_repro.layer_params.conv_window import read_window

IDENTITY = ("Dropout", "Split", "Silence")  # at test time


@dataclass(frozen=True)
class Step:
    """A layer of the net."""

    layer: Any  # LayerParameter
    inputs: Sequence[str]  # values
    output: str  # value of the first top; that of a pooling layer's mask is OUTPUT.1
    weights: Sequence[np.ndarray]
    group: int = 1  # of convolutions

    @property
    def name(self) -> str:
        """The layer's name as an identifier."""
        return to_identifier(self.layer.name)


@dataclass(frozen=True)
class Graph:
    """A net: inputs, steps in order, outputs."""

    inputs: Mapping[str, Sequence[int]]  # (N, C, H, W) of each
    steps: Sequence[Step]
    outputs: Mapping[str, str]  # the value of each blob

    @property
    def has_fixed_size(self) -> bool:
        """Whether the net takes one image size only, because of fully connected layers or layers of a fixed size."""
        return any(step.layer.type == "InnerProduct" or _has_size(step.layer) for step in self.steps)


def build_graph(net_param: Any, net: caffe.Net) -> Graph:
    """Build the graph of a deploy net from its prototxt and the net with its weights.

    Raises   ValueError for names that differ only in signs, and for pooling that other programs compute differently
    """
    current: dict[str, str] = {}
    inputs: dict[str, Sequence[int]] = {}
    steps: list[Step] = []
    for layer in net_param.layer:
        if layer.type == "Input":
            shapes = list(layer.input_param.shape) * (len(layer.top) if len(layer.input_param.shape) == 1 else 1)
            for top, shape in zip(layer.top, shapes):
                inputs[top] = tuple(shape.dim)
                current[top] = to_identifier(top)
        elif layer.type in IDENTITY:
            current.update((top, current[layer.bottom[0]]) for top in layer.top)
        else:
            step = _make_step(layer, [current[blob] for blob in layer.bottom], net)
            steps.append(step)
            current[layer.top[0]] = step.output
            current.update((top, f"{step.output}.{index}") for index, top in enumerate(layer.top[1:], 1))
    names = [*inputs, *(step.output for step in steps)]
    if len({*names}) < len(names) or len({step.name for step in steps}) < len(steps):
        raise ValueError("two layers or blobs have names that differ only in signs. Fix: rename one of them")
    outputs = {blob: current[blob] for blob in net.outputs}
    masks = [blob for blob, value in outputs.items() if value.endswith(".1")]
    if masks:
        raise ValueError(f"the output {masks[0]} is a mask of pooling, which has no equivalent elsewhere. Fix: drop it")
    return Graph(inputs, _free_names(steps, outputs), outputs)


def _free_names(steps: Sequence[Step], outputs: Mapping[str, str]) -> Sequence[Step]:
    """Rename a value that has the name of an output whose last layer works in place: the output is another value."""
    taken = {name: f"{name}_before" for blob, value in outputs.items() if value != (name := to_identifier(blob))}
    taken.update({f"{name}.1": f"{new}.1" for name, new in taken.items()})  # its mask, if it is pooled
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


def to_identifier(name: str) -> str:
    """Turn a layer's or blob's name into a Python identifier: inception_3a/1x1 becomes inception_3a_1x1."""
    plain = re.sub(r"\W", "_", name)
    return f"_{plain}" if plain[:1].isdigit() else plain


def _make_step(layer: Any, inputs: Sequence[str], net: caffe.Net) -> Step:
    in_place = layer.top[0] in layer.bottom
    output = to_identifier(layer.name if in_place else layer.top[0])
    weights = [np.array(blob.data) for blob in net.params[layer.name]] if layer.name in net.params else []
    if layer.type == "Pooling":
        _check_rounding(layer)
    if layer.type not in ("Convolution", "Deconvolution"):
        return Step(layer, inputs, output, weights)
    group = max(layer.convolution_param.group, 1)
    if layer.type == "Deconvolution" and group == 1 and _is_diagonal(weights[0]):
        group = len(weights[0])
        weights = [weights[0][np.arange(group), np.arange(group)][:, np.newaxis], *weights[1:]]
    return Step(layer, inputs, output, weights, group)


def _check_rounding(layer: Any) -> None:
    """Refuse pooling that other programs compute differently where windows exceed the image."""
    param = layer.pooling_param
    if param.global_pooling:
        return
    window = read_window(layer)
    for stride, pad in zip(window.stride, window.pad):
        if stride > 1 and (pad or param.pool != param.MAX):
            raise ValueError(
                f"layer {layer.name} pools with stride {stride} and pad {pad}: other programs "
                "differ where a window exceeds the image. Expected MAX without pad, or stride 1"
            )


def _is_diagonal(weights: np.ndarray) -> bool:
    """Return whether (C, C, k, k) filters connect each channel only to itself."""
    if weights.shape[0] != weights.shape[1]:
        return False
    return not weights[~np.eye(len(weights), dtype=bool)].any()
