"""Cost of each layer, counted from its prototxt: arithmetic, parameters and memory; no pass is run.

Arithmetic is that of the filters of Convolution, Deconvolution and InnerProduct: two FLOP, a multiplication and an
addition, for each weight at each position, including padding and zero weights. Biases and other layers are left out: at
500x500 they are less than 1 % of the FLOP of an FCN.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Sequence

from fcn_repro.engine import caffe
from fcn_repro.model.parameter_count import is_trainable
from fcn_repro.model.receptive_field import Grid, find_grids
from fcn_repro.system.memory import VALUE_BYTES

FILTERS = ("Convolution", "Deconvolution", "InnerProduct")
PER_WEIGHT = 2  # FLOP


@dataclass(frozen=True)
class LayerCost:
    """Cost of a layer.

    shape         of its first top
    forward       FLOP of a forward pass
    backward      FLOP of the gradients of a training step; 0 in a net that is not trained
    parameters    their number, of which `trainable` have an lr_mult other than 0
    activations   bytes of its tops, except tops that are bottoms or share their memory, as those of Split
    gradients     bytes of the gradients of its tops, in training
    grid          positions of the cells on the image; None for blobs without positions
    """

    layer: str
    type: str
    shape: Sequence[int]
    forward: int
    backward: int
    parameters: int
    trainable: int
    activations: int
    gradients: int
    grid: Grid | None


@dataclass(frozen=True)
class NetSummary:
    """A net in the columns of Table 1 of the CVPR paper.

    parameter_layers   trainable layers on the longest path from the image to the end
    receptive_field    pixels of a side, before any upsampling
    max_stride         pixels between two cells of the coarsest feature map
    """

    parameter_layers: int
    trainable: int
    receptive_field: int
    max_stride: int


def replace_data_layers(net: Any, shapes: Mapping[str, Sequence[int]]) -> Any:
    """Return a copy of a NetParameter with Input layers of given shapes in place of layers without bottoms.

    A layer stays if `shapes` lacks its tops.
    """
    is_source = [not layer.bottom and shapes.keys() >= set(layer.top) for layer in net.layer]
    copy = type(net)()
    copy.CopyFrom(net)
    del copy.layer[:]
    for name in (top for layer in itertools.compress(net.layer, is_source) for top in layer.top):
        copy.layer.add(name=name, type="Input", top=[name]).input_param.shape.add(dim=shapes[name])
    copy.layer.extend(layer for layer, replaced in zip(net.layer, is_source) if not replaced)
    return copy


def count_costs(message: Any, net: caffe.Net, trains: bool) -> list[LayerCost]:
    """Count the cost of every layer of a net in its order, including the Split layers that Caffe inserts.

    message   the NetParameter that `net` was made from
    trains    whether to count the backward pass of a training step
    """
    layers = {layer.name: layer for layer in message.layer}
    grids = find_grids(message)
    names = list(net._blob_names)
    need_gradients: set[str] = set()  # blobs whose gradient a training step computes
    found = []
    for i, name in enumerate(net._layer_names):
        bottoms, tops = ([names[j] for j in ids(i)] for ids in (net._bottom_ids, net._top_ids))
        blobs = list(net.params[name]) if name in net.params else []
        trainable = [blob.count for j, blob in enumerate(blobs) if is_trainable(layers[name], j)]
        gradients = trains * (bool(need_gradients.intersection(bottoms)) + bool(trainable))  # of bottoms, of weights
        need_gradients.update(tops if gradients else ())
        forward = (
            _count_filter_flop(net.layers[i].type, blobs, net.blobs[bottoms[0]], net.blobs[tops[0]]) if blobs else 0
        )
        top_bytes = VALUE_BYTES * sum(net.blobs[top].count for top in tops if top not in bottoms)
        found.append(
            LayerCost(
                *(name, net.layers[i].type, tuple(net.blobs[tops[0]].shape) if tops else ()),
                *(forward, gradients * forward, sum(blob.count for blob in blobs), sum(trainable)),
                activations=0 if net.layers[i].type == "Split" else top_bytes,
                gradients=top_bytes if gradients else 0,
                grid=grids.get(tops[0]) if tops else None,
            )
        )
    return found


def summarise(message: Any, costs: Sequence[LayerCost]) -> NetSummary:
    """Summarise a net from the costs of its layers."""
    grids = [cost.grid for cost in costs if cost.grid and cost.type in ("Convolution", "Pooling")]
    return NetSummary(
        parameter_layers=max(_list_depths(message, {cost.layer for cost in costs if cost.trainable})),
        trainable=sum(cost.trainable for cost in costs),
        receptive_field=max(grid.receptive_field for grid in grids),
        max_stride=int(max(grid.stride for grid in grids)),
    )


def _count_filter_flop(kind: str, blobs: Sequence[Any], bottom: Any, top: Any) -> int:
    """Count FLOP of a layer's filters: every weight is used once at each position."""
    if kind not in FILTERS:
        return 0
    positions = bottom if kind == "Deconvolution" else top
    return PER_WEIGHT * blobs[0].count * (positions.count // blobs[0].shape[0])


def _list_depths(message: Any, trainable: set[str]) -> Iterator[int]:
    """List for each layer the number of trainable layers on the longest path from the image to its top."""
    depths: dict[str, int] = {}
    for layer in message.layer:
        depth = max([depths[bottom] for bottom in layer.bottom], default=0) + (layer.name in trainable)
        depths.update(dict.fromkeys(layer.top, depth))
        yield depth
