"""The lines that Caffe logs about a net: its structure while it is built, and its magnitudes with debug_info.

Only the root solver logs them. `Blob` means are of absolute values.
Source   caffe 9b89154 net.cpp (Init, AppendTop, AppendBottom, AppendParam, ForwardDebugInfo, BackwardDebugInfo)
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from google.protobuf.message import Message
from torch import Tensor

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.proto.text_printer import print_text
from fcn_repro.caffe.solver import solver_rank
from fcn_repro.system.memory import VALUE_BYTES

if TYPE_CHECKING:
    from fcn_repro.caffe.net.net import Net

log = logging.getLogger("caffe")
SOURCE = {"source": "net.cpp"}


def write(message: str, *values: object) -> None:
    """Log a line of net.cpp."""
    if solver_rank.is_root_solver():
        log.info(message, *values, extra=SOURCE, stacklevel=2)


def write_param(title: str, param: Message, source: str) -> None:
    """Log a message as text, after a title; `source` is the file of Caffe that logs it."""
    if solver_rank.is_root_solver() and log.isEnabledFor(logging.INFO):
        log.info("%s: \n%s", title, print_text(param).rstrip("\n"), extra={"source": source})


def write_wiring(param, bottoms: int) -> None:
    """Log a layer's first `bottoms` bottoms and its tops."""
    for name in param.bottom[:bottoms]:
        write("%s <- %s", param.name, name)
    for index, name in enumerate(param.top):
        in_place = index < len(param.bottom) and param.bottom[index] == name
        write("%s -> %s%s", param.name, name, " (in-place)" if in_place else "")


def write_tops(name: str, tops: Sequence[Blob], weights: Sequence[float], values: int) -> None:
    """Log the shapes and loss weights of a layer's tops; `values` counts those of all tops so far."""
    write("Setting up %s", name)
    for blob, weight in zip(tops, weights, strict=True):
        write("Top shape: %s", " ".join([*map(str, blob.dims), f"({blob.count})"]))
        if weight:
            write("    with loss weight %g", weight)
    write("Memory required for data: %d", VALUE_BYTES * values)


def write_forward(net: Net, index: int) -> None:
    """Log the mean magnitude of a layer's tops and parameters."""
    layer = net._layer_names[index]
    for number, blob in zip(net._top_ids(index), net._tops[index], strict=True):
        mean = _mean(blob.tensor)
        write("    [Forward] Layer %s, top blob %s data: %g", layer, net._blob_names[number], mean)
    for name, blob in zip(_parameter_names(net, index), net.layers[index].blobs, strict=True):
        write("    [Forward] Layer %s, param blob %s data: %g", layer, name, _mean(blob.tensor))


def write_backward(net: Net, index: int) -> None:
    """Log the mean magnitude of the gradients that a layer computed."""
    layer, object_ = net._layer_names[index], net.layers[index]
    wanted = net._plan[index].propagate_down
    for number, blob, want in zip(net._bottom_ids(index), net._bottoms[index], wanted, strict=True):
        if want:
            name = net._blob_names[number]
            write("    [Backward] Layer %s, bottom blob %s diff: %g", layer, name, _mean(blob.gradient))
    for number, (blob, trained) in enumerate(zip(object_.blobs, object_.param_propagate_down, strict=True)):
        if trained:
            write("    [Backward] Layer %s, param blob %d diff: %g", layer, number, _mean(blob.gradient))


def write_norms(net: Net) -> None:
    """Log the L1 and L2 norm of all learnable parameters and of their gradients, as an error, as Caffe does."""
    data = [param.blob.tensor for param in net.learnable_params]
    diff = [param.blob.gradient for param in net.learnable_params]
    l1 = [sum(float(each.abs().sum()) for each in tensors) for tensors in (data, diff)]
    l2 = [math.sqrt(sum(float((each * each).sum()) for each in tensors)) for tensors in (data, diff)]
    log.error(
        "    [Backward] All net params (data, diff): L1 norm = (%g, %g); L2 norm = (%g, %g)", *l1, *l2, extra=SOURCE
    )


def _mean(values: Tensor) -> float:
    return float(values.abs().sum()) / values.numel() if values.numel() else math.nan


def _parameter_names(net: Net, index: int) -> list[str]:
    """Return the names in a layer's ParamSpecs, or else the numbers of its parameter blobs."""
    names = [spec.name for spec in net.layer_params[index].param]
    count = len(net.layers[index].blobs)
    return [name or str(number) for number, name in enumerate([*names, *[""] * (count - len(names))])]
