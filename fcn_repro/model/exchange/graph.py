"""A net as others write nets: every value has a name of its own, and layers that only training needs are gone.

Caffe lets a layer write over its bottom; ONNX does not, and in Python it hides what is meant. So each step here makes
new values. Deconvolutions that interpolate channel by channel are dense in Caffe's files, with zeros off the diagonal;
they become grouped, with the same numbers and as many times less work as there are classes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

import numpy as np

from fcn_repro.engine import caffe
from fcn_repro.model.window import slide

IDENTITY = ("Dropout", "Split", "Silence")  # at test time


@dataclass(frozen=True)
class Step:
    """A layer: its parameters as in the prototxt, the values it reads and the one it makes, and its weights."""

    layer: Any
    reads: Sequence[str]
    makes: str
    weights: Sequence[np.ndarray]
    group: int = 1  # of convolutions

    @property
    def name(self) -> str:
        """The layer's name as an identifier."""
        return identifier(self.layer.name)


@dataclass(frozen=True)
class Graph:
    """A net's inputs, with their (N, C, H, W), its steps in order, and which values are its outputs, by blob."""

    inputs: Mapping[str, Sequence[int]]
    steps: Sequence[Step]
    outputs: Mapping[str, str]

    @property
    def fixed(self) -> bool:
        """Whether it takes images of one size alone: it has fully connected layers."""
        return any(step.layer.type == "InnerProduct" for step in self.steps)


def graph(net_param: Any, net: caffe.Net) -> Graph:
    """The graph of a deploy net; `net` is it, with its weights."""
    current: dict[str, str] = {}
    inputs: dict[str, Sequence[int]] = {}
    steps: list[Step] = []
    for layer in net_param.layer:
        if layer.type == "Input":
            shapes = list(layer.input_param.shape) * (len(layer.top) if len(layer.input_param.shape) == 1 else 1)
            for top, shape in zip(layer.top, shapes):
                inputs[top] = tuple(shape.dim)
                current[top] = identifier(top)
        elif layer.type in IDENTITY:
            current.update((top, current[layer.bottom[0]]) for top in layer.top)
        else:
            step = _step(layer, [current[blob] for blob in layer.bottom], net)
            steps.append(step)
            current[layer.top[0]] = step.makes
    names = [*inputs, *(step.makes for step in steps)]
    if len({*names}) < len(names) or len({step.name for step in steps}) < len(steps):
        raise ValueError("two layers or blobs have names that differ in nothing but signs; rename one of them")
    return Graph(inputs, steps, {blob: current[blob] for blob in net.outputs})


def identifier(name: str) -> str:
    """A layer's or blob's name as Python and ONNX can have it: inception_3a/1x1 becomes inception_3a_1x1."""
    plain = re.sub(r"\W", "_", name)
    return f"_{plain}" if plain[:1].isdigit() else plain


def _step(layer: Any, reads: Sequence[str], net: caffe.Net) -> Step:
    in_place = layer.top[0] in layer.bottom
    makes = identifier(layer.name if in_place else layer.top[0])
    weights = [np.array(blob.data) for blob in net.params[layer.name]] if layer.name in net.params else []
    if layer.type == "Pooling":
        _check_rounding(layer)
    if layer.type not in ("Convolution", "Deconvolution"):
        return Step(layer, reads, makes, weights)
    group = max(layer.convolution_param.group, 1)
    if layer.type == "Deconvolution" and group == 1 and _is_diagonal(weights[0]):
        group = len(weights[0])
        weights = [weights[0][np.arange(group), np.arange(group)][:, np.newaxis], *weights[1:]]
    return Step(layer, reads, makes, weights, group)


def _check_rounding(layer: Any) -> None:
    """Refuse pooling that others cannot be relied on to do alike, at sizes where windows hang over the edge."""
    param = layer.pooling_param
    if param.global_pooling:
        return
    for at in (slide(layer, axis) for axis in (0, 1)):
        if at.stride > 1 and (at.pad or param.pool != param.MAX):
            raise ValueError(
                f"layer {layer.name} pools with stride {at.stride} and pad {at.pad}: where a window hangs over "
                "the edge other programs cut it otherwise. Expected MAX without pad, or stride 1"
            )


def _is_diagonal(weights: np.ndarray) -> bool:
    """Whether (C, C, k, k) filters lead from each channel to itself alone."""
    if weights.shape[0] != weights.shape[1]:
        return False
    return not weights[~np.eye(len(weights), dtype=bool)].any()
