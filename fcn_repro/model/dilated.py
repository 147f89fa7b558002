"""Dense scores from a net that subsamples: by shifting its input and interlacing, or by dilating its filters.

Shift-and-stitch runs the net as it is on every shift of the image and interlaces the outputs. The dilated net
("à trous", rarefied filters) is run once: strides become 1, and every later filter reaches as many times further as its
input was subsampled. Both compute the same numbers wherever no padding inside the net is seen; padding the image is no
such padding, and `unpadded` takes it out of the first layer.

    convolution, stride s   stride 1; dilation and pad times all strides that were removed before it
    max pooling, k and s    Caffe's pooling knows no dilation: the largest of k x k copies of the blob, each shifted by
                            a convolution with a single 1 in every filter, channel by channel. Filters have k + s - 1
                            cells a side and pad by s - 1 more, so that the blob ends where Caffe's, rounding up, ends.
                            Padding adds zeros, so the blob must not be negative: it must come out of a ReLU.
    cell by cell            as they are: ReLU, LRN across channels, Dropout, Eltwise, Concat, Softmax

Source   CVPR 2015, section 3.2; caffe 9b89154 conv_layer.cpp and pooling_layer.cpp (sizes)
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Iterator, Sequence

import numpy as np
from google.protobuf import text_format

from fcn_repro.engine import caffe
from fcn_repro.model.surgery import check_weights
from fcn_repro.system.atomic_write import atomic_write

NetParameter = caffe.proto.caffe_pb2.NetParameter
LayerParameter = caffe.proto.caffe_pb2.LayerParameter
CELLWISE = ("ReLU", "LRN", "Dropout", "Eltwise", "Concat", "Softmax")
SHIFT = "_shift"  # in the names of the layers that pooling is made of


@dataclass(frozen=True)
class _Blob:
    """What is known of a blob on the way up."""

    channels: int
    spacing: int  # pixels between two cells
    rate: int  # product of the strides that were removed below it
    negative: bool  # whether it may hold numbers below zero


def dilated(net: Any, spacing: int = 1) -> Any:
    """The NetParameter that computes what `net` does, at cells `spacing` pixels apart.

    Strides are kept up to that spacing and removed above it. Cells 0, n, 2n ... of a blob are all cells that it had,
    n being how many times denser it is. Layers keep their names and shapes of weights, so weights fit; `load` also
    fills in the shifts.

    Raises   ValueError naming the layer that cannot be dilated, or whose stride goes past `spacing`
    """
    result = NetParameter()
    result.CopyFrom(net)
    del result.layer[:]
    blobs: dict[str, _Blob] = {}
    for layer in net.layer:
        below = [blobs[name] for name in layer.bottom]
        made: Sequence[Any]
        if len({(blob.spacing, blob.rate) for blob in below}) > 1:
            raise _refusal(layer, "joins blobs of different spacing")
        if layer.type == "Input":
            made, top = [layer], _Blob(layer.input_param.shape[0].dim[1], 1, 1, True)
        elif layer.type == "Convolution":
            made, top = _convolution(layer, below[0], spacing)
        elif layer.type == "Pooling":
            made, top = _pooling(layer, below[0], spacing)
        elif layer.type in CELLWISE:
            made, top = [layer], _cellwise(layer, below)
        else:
            raise _refusal(layer, "is none that can be dilated")
        result.layer.extend(made)
        blobs.update(dict.fromkeys(layer.top, top))
    return result


def until(net: Any, layer: str) -> Any:
    """The layers of a NetParameter up to one of that name.

    Raises   ValueError when there is none
    """
    names = [each.name for each in net.layer]
    if layer not in names:
        raise ValueError(f"no layer {layer!r}; there are {', '.join(names)}")
    result = NetParameter()
    result.CopyFrom(net)
    del result.layer[names.index(layer) + 1 :]
    return result


def unpadded(net: Any) -> tuple[Any, int]:
    """A NetParameter whose first layer above the input does not pad, and the pixels that it padded by."""
    result = NetParameter()
    result.CopyFrom(net)
    first = result.layer[1].convolution_param
    pad = first.pad[0] if len(first.pad) else 0
    del first.pad[:]
    return result, pad


def load(net: Any, prototxt: Path, weights: Path) -> caffe.Net:
    """A net in the TEST phase, by way of a prototxt that is written, with its weights and its shifts.

    Raises   DataError when the weights leave a layer below the scores empty
    """
    prototxt.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(prototxt) as file:
        file.write(text_format.MessageToString(net))
    loaded = caffe.Net(str(prototxt), caffe.TEST, weights=str(weights))
    fill_shifts(loaded)
    check_weights(loaded, weights)
    return loaded


def fill_shifts(net: caffe.Net) -> None:
    """Write the ones into the layers that `dilated` makes pooling of; their names say where."""
    for name, blobs in net.params.items():
        if SHIFT in name:
            row, column = map(int, name.rpartition(SHIFT)[2].split("_"))
            blobs[0].data[...] = 0
            blobs[0].data[:, :, row, column] = 1


def scores(net: caffe.Net, image: np.ndarray) -> np.ndarray:
    """The last blob of a net, (C, h, w), for an image as the net takes it, (3, H, W)."""
    net.blobs[net.inputs[0]].reshape(1, *image.shape)
    net.blobs[net.inputs[0]].data[0] = image
    return np.array(net.forward()[net.outputs[0]][0])


def shift_and_stitch(net: caffe.Net, image: np.ndarray, stride: int, spacing: int = 1) -> np.ndarray:
    """What a net of some stride says of an image at cells `spacing` pixels apart, (C, h, w).

    The net is run on the image without its first 0, spacing, 2 * spacing ... rows and columns, stride**2 / spacing**2
    times in all, and the outputs are interlaced. An image that was padded by stride - spacing above and to the left
    before gives one cell more for each of them: that is shifting right and down, as the paper has it.

    Raises   ValueError when the stride is no multiple of the spacing
    """
    if stride % spacing:
        raise ValueError(f"a net of stride {stride} cannot be stitched to cells {spacing} pixels apart")
    times = stride // spacing
    parts = {
        (row, column): scores(net, image[:, row * spacing :, column * spacing :])
        for row, column in product(range(times), repeat=2)
    }
    height = sum(parts[row, 0].shape[1] for row in range(times))
    width = sum(parts[0, column].shape[2] for column in range(times))
    stitched = np.empty((len(parts[0, 0]), height, width), np.float32)
    for (row, column), part in parts.items():
        stitched[:, row::times, column::times] = part
    return stitched


def _convolution(layer: Any, below: _Blob, spacing: int) -> tuple[Sequence[Any], _Blob]:
    made = LayerParameter()
    made.CopyFrom(layer)
    param = made.convolution_param
    if any(param.HasField(f"{name}_{axis}") for name in ("kernel", "stride", "pad") for axis in "hw"):
        raise _refusal(layer, "has other windows along the two axes")
    stride = param.stride[0] if len(param.stride) else 1
    dilation = (param.dilation[0] if len(param.dilation) else 1) * below.rate
    pad = (param.pad[0] if len(param.pad) else 0) * below.rate
    for name, value, default in ("dilation", dilation, 1), ("pad", pad, 0):
        if value != default:
            getattr(param, name)[:] = [value]
    kept = _kept(layer, stride, below, spacing)
    if not kept:
        del param.stride[:]
    return [made], _above(below, stride, kept, channels=param.num_output, negative=True)


def _pooling(layer: Any, below: _Blob, spacing: int) -> tuple[Sequence[Any], _Blob]:
    param = layer.pooling_param
    if param.pool != param.MAX or param.global_pooling or not param.HasField("kernel_size"):
        raise _refusal(layer, "pools otherwise than by the maximum of a square")
    if param.pad and param.stride > 1:
        raise _refusal(layer, "pads and subsamples")
    kept = _kept(layer, param.stride, below, spacing)
    above = _above(below, param.stride, kept, channels=below.channels, negative=below.negative)
    if below.rate == 1 and kept:
        return [layer], above
    if below.negative:
        raise _refusal(layer, "pools a blob that may be negative: dilated, its padding of zeros could win")
    return [*_shifts(layer, below)], above


def _shifts(layer: Any, below: _Blob) -> Iterator[Any]:
    """Pooling as the largest of shifted copies."""
    param, rate, more = layer.pooling_param, below.rate, layer.pooling_param.stride - 1
    names = []
    for row, column in product(range(more, more + param.kernel_size), repeat=2):
        shift = LayerParameter(name=f"{layer.name}{SHIFT}{row}_{column}", type="Convolution", bottom=layer.bottom)
        shift.top.append(shift.name)
        shift.param.add(lr_mult=0)
        window = shift.convolution_param
        window.num_output = window.group = below.channels
        window.bias_term = False
        window.kernel_size[:] = [param.kernel_size + more]
        window.pad[:] = [(param.pad + more) * rate]
        window.dilation[:] = [rate]
        names.append(shift.name)
        yield shift
    largest = LayerParameter(name=layer.name, type="Eltwise", bottom=names, top=layer.top)
    largest.eltwise_param.operation = largest.eltwise_param.MAX
    yield largest


def _cellwise(layer: Any, below: Sequence[_Blob]) -> _Blob:
    if layer.type == "LRN" and layer.lrn_param.norm_region != layer.lrn_param.ACROSS_CHANNELS:
        raise _refusal(layer, "normalises within channels")
    channels = sum(b.channels for b in below) if layer.type == "Concat" else below[0].channels
    rectifies = layer.type == "ReLU" and not layer.relu_param.negative_slope
    negative = not rectifies and (layer.type == "Eltwise" or any(b.negative for b in below))
    return _Blob(channels, below[0].spacing, below[0].rate, negative)


def _kept(layer: Any, stride: int, below: _Blob, spacing: int) -> bool:
    """Whether a layer subsamples as it did."""
    if below.rate > 1 or below.spacing >= spacing:
        return stride == 1 and below.rate == 1
    if below.spacing * stride > spacing:
        raise _refusal(layer, f"goes from cells {below.spacing} pixels apart past {spacing} at once")
    return True


def _above(below: _Blob, stride: int, kept: bool, channels: int, negative: bool) -> _Blob:
    spacing, rate = (below.spacing * stride, below.rate) if kept else (below.spacing, below.rate * stride)
    return _Blob(channels, spacing, rate, negative)


def _refusal(layer: Any, why: str) -> ValueError:
    return ValueError(f"layer {layer.name} ({layer.type}) {why}, so this net has no dilated equivalent; stop below it")
