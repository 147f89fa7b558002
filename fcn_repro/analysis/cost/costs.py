"""What a net costs, layer by layer: arithmetic, numbers and memory, from its prototxt alone; nothing is computed.

Counted as arithmetic are the filters of Convolution, Deconvolution and InnerProduct, as the prototxt has them: two
FLOP, a multiplication and an addition, for each weight at each place, padding and zero weights included. Biases and
all other layers are left out: at 500x500 they are less than 1 % of FCN's arithmetic, and wait for memory instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Sequence

from fcn_repro.engine import caffe
from fcn_repro.model.parameter_count import learns
from fcn_repro.model.receptive_field import Grid, grids
from fcn_repro.system.memory import VALUE_BYTES

FILTERS = ("Convolution", "Deconvolution", "InnerProduct")
PER_WEIGHT = 2  # FLOP


@dataclass(frozen=True)
class Cost:
    """What a layer costs.

    shape         of its first top
    forward       FLOP of a forward pass; backward: of the gradients that training wants, 0 in a net that does not learn
    parameters    numbers that it holds, `learnt` of which have an lr_mult other than 0
    activations   bytes of what it makes: tops, unless they are its bottoms or, as a Split's, share their memory;
                  gradients: bytes of the tops' gradients, in a net that learns
    grid          where its cells lie on the image; None for what has no place there
    """

    layer: str
    type: str
    shape: Sequence[int]
    forward: int
    backward: int
    parameters: int
    learnt: int
    activations: int
    gradients: int
    grid: Grid | None


@dataclass(frozen=True)
class Summary:
    """A net as Table 1 of the CVPR paper sums it up.

    parameter_layers   layers that learn, on the longest path from the image to the end
    receptive_field    pixels to a side that a cell is computed from, before any upsampling
    max_stride         pixels between two cells of the coarsest map
    """

    parameter_layers: int
    learnt: int
    receptive_field: int
    max_stride: int


def fed(net: Any, shapes: Mapping[str, Sequence[int]]) -> Any:
    """A copy of a NetParameter that reads no data: its tops without bottoms become inputs of the given shapes."""
    sources = [layer for layer in net.layer if not layer.bottom]
    copy = type(net)()
    copy.CopyFrom(net)
    del copy.layer[:]
    for name in (top for layer in sources for top in layer.top):
        copy.layer.add(name=name, type="Input", top=[name]).input_param.shape.add(dim=shapes[name])
    copy.layer.extend(layer for layer in net.layer if layer.bottom)
    return copy


def costs(message: Any, net: caffe.Net, learning: bool) -> list[Cost]:
    """The cost of every layer of a net, in its order; those that Caffe inserted, Split, are there too.

    `message` is the NetParameter that `net` was made from; `learning` asks for what its backward pass costs.
    """
    layers = {layer.name: layer for layer in message.layer}
    at = grids(message)
    names = list(net._blob_names)
    wanted: set[str] = set()  # blobs that training wants the gradient of
    found = []
    for i, name in enumerate(net._layer_names):
        bottoms, tops = ([names[j] for j in ids(i)] for ids in (net._bottom_ids, net._top_ids))
        blobs = list(net.params[name]) if name in net.params else []
        learns_of = [blob.count for j, blob in enumerate(blobs) if learns(layers[name], j)]
        gradients = learning * (bool(wanted.intersection(bottoms)) + bool(learns_of))  # of bottom, of weights
        wanted.update(tops if gradients else ())
        forward = _filtering(net.layers[i].type, blobs, net.blobs[bottoms[0]], net.blobs[tops[0]]) if blobs else 0
        made = VALUE_BYTES * sum(net.blobs[top].count for top in tops if top not in bottoms)
        found.append(
            Cost(
                *(name, net.layers[i].type, tuple(net.blobs[tops[0]].shape) if tops else ()),
                *(forward, gradients * forward, sum(blob.count for blob in blobs), sum(learns_of)),
                activations=0 if net.layers[i].type == "Split" else made,
                gradients=made if gradients else 0,
                grid=at.get(tops[0]) if tops else None,
            )
        )
    return found


def summary(message: Any, found: Sequence[Cost]) -> Summary:
    """A net in the terms of the paper's table; `found` are the costs of its layers."""
    grids_found = [cost.grid for cost in found if cost.grid and cost.type in ("Convolution", "Pooling")]
    return Summary(
        parameter_layers=max(_depths(message, {cost.layer for cost in found if cost.learnt})),
        learnt=sum(cost.learnt for cost in found),
        receptive_field=max(grid.sees for grid in grids_found),
        max_stride=int(max(grid.spacing for grid in grids_found)),
    )


def _filtering(kind: str, blobs: Sequence[Any], bottom: Any, top: Any) -> int:
    """FLOP of a layer's filters: every weight is used once at each place where they are put."""
    if kind not in FILTERS:
        return 0
    placed = bottom if kind == "Deconvolution" else top
    return PER_WEIGHT * blobs[0].count * (placed.count // blobs[0].shape[0])


def _depths(message: Any, learning: set[str]) -> Iterator[int]:
    """For each layer, how many layers that learn lie on the longest path from the image to its top."""
    depths: dict[str, int] = {}
    for layer in message.layer:
        depth = max([depths[bottom] for bottom in layer.bottom], default=0) + (layer.name in learning)
        depths.update(dict.fromkeys(layer.top, depth))
        yield depth
