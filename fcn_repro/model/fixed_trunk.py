"""Cut a net into a fixed trunk and a trained head, so that training reads the trunk's outputs from files.

A fixed trunk computes the same feature maps for an image at every iteration. Stored once, they replace its forward
passes: the head trains as in the whole net, in a fraction of the time. The cut blobs are the taps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Sequence

from fcn_repro.engine import caffe
from fcn_repro.model import surgery


def cut_trunk(net: Any, taps: Sequence[str]) -> Any:
    """Return the NetParameter of the layers of a deploy net that compute the taps, with its inputs.

    Raises   ValueError if a tap is no top of the net
    """
    trunk = caffe.proto.caffe_pb2.NetParameter(name=net.name)
    trunk.layer.extend(_layers_below(net, taps))
    return trunk


def cut_head(net: Any, taps: Sequence[str], data_layer: Any) -> Any:
    """Return the NetParameter of the other layers of a training net, with `data_layer` for its data layer.

    `data_layer` is a LayerParameter whose tops are the taps and then the net's labels. Crop layers take their size from
    the first label, which has the image's height and width.

    Raises   ValueError if a tap is no top of the net, or a layer above the cut reads a blob below it
    """
    below = [layer.name for layer in _layers_below(net, taps)]
    inputs = [top for top in net.layer[0].top if top not in data_layer.top]
    label = data_layer.top[len(taps)]
    head = caffe.proto.caffe_pb2.NetParameter(name=net.name)
    head.layer.add().CopyFrom(data_layer)
    tops = set(data_layer.top)
    for layer in net.layer[1:]:
        if layer.name in below:
            continue
        above = head.layer.add()
        above.CopyFrom(layer)
        if layer.type == "Crop" and layer.bottom[1] in inputs:
            above.bottom[1] = label
        missing = [bottom for bottom in above.bottom if bottom not in tops]
        if missing:
            raise ValueError(
                f"layer {layer.name}: got the bottom {missing[0]}, which lies below the taps {', '.join(taps)}; "
                f"expected taps that cut the net in two. Fix: add {missing[0]} to the taps"
            )
        tops.update(above.top)
    return head


def cut_cells(net: Any, tap: str, data_layer: Any) -> Any:
    """Return the head of a net with one tap, to train on single cells: no interpolation, and one label per cell.

    `data_layer` serves the windows of cells side by side (`FeatureCellsLayer`): the first convolution reads one after
    the other, without dilation.
    Weights have the names and shapes of the dense head's.
    """
    head = cut_head(net, [tap], data_layer)
    (upscore,) = (layer for layer in head.layer if layer.type == "Deconvolution")
    for layer in head.layer:
        if tap in layer.bottom:
            param = layer.convolution_param
            param.ClearField("dilation")
            param.stride[:] = param.kernel_size
        if layer.type == "SoftmaxWithLoss":
            layer.bottom[0] = upscore.bottom[0]
    kept: list[Any] = [layer for layer in head.layer if layer.type not in ("Deconvolution", "Crop")]
    cells = caffe.proto.caffe_pb2.NetParameter(name=net.name)
    cells.layer.extend(kept)
    return cells


def find_window(net: Any, tap: str) -> tuple[int, int]:
    """Return the side of the kernel of the convolution that reads a tap, and the step between its cells."""
    (param,) = (layer.convolution_param for layer in net.layer if layer.type == "Convolution" and tap in layer.bottom)
    return param.kernel_size[0], param.dilation[0] if param.dilation else 1


def find_read_taps(net: Any, taps: Sequence[str]) -> list[str]:
    """Return the taps that layers above the cut read, in their order."""
    below = {layer.name for layer in _layers_below(net, taps)}
    read = {bottom for layer in net.layer if layer.name not in below for bottom in layer.bottom}
    return [tap for tap in taps if tap in read]


def _layers_below(net: Any, taps: Sequence[str]) -> list[Any]:
    """The layers that the taps depend on, in order."""
    missing = set(taps) - {top for layer in net.layer for top in layer.top}
    if missing or not taps:
        raise ValueError(f"taps: got {', '.join(sorted(missing)) or 'none'}; expected tops of the net's layers")
    needed = set(taps)
    layers: list[Any] = []
    for layer in reversed(net.layer):
        if needed.intersection(layer.top):
            needed.update(layer.bottom)
            layers.insert(0, layer)
    return layers


def join_weights(deploy: Path, trunk: Path, head: Path, out: Path) -> None:
    """Write the weights of the whole net `deploy`: those of the trunk, then over them those of the head.

    Raises   ValueError as `surgery.check_weights` for weights that do not fit
    """
    net = caffe.Net(str(deploy), caffe.TEST, weights=str(trunk))
    surgery.interp(net, surgery.find_upsampling_layers(net))
    net.copy_from(str(head))
    surgery.check_weights(net, head)
    surgery.save(net, out)
