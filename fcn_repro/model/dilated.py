"""Dense scores from a net that subsamples: by dilating its filters, or by shift-and-stitch.

Shift-and-stitch runs the net unchanged on every shift of the image and interlaces the outputs. The dilated net
("à trous", rarefied filters) runs once: its strides are 1, and each filter's dilation grows by the strides removed
below it. Both compute the same scores at every cell whose receptive field holds no padding of an inner layer. Padding
of the image itself does no harm; `remove_padding` moves it from the first layer to the caller.

    convolution, stride s   stride 1; dilation and pad times all strides removed below it
    max pooling, k and s    Caffe's pooling has no dilation. So it becomes the maximum of k x k shifted copies of the
                            blob. A convolution with a single 1 in every filter, channel by channel, makes each copy.
                            Filters have k + s - 1 cells a side and pad by s - 1 more, so the blob ends where Caffe's,
                            whose size is rounded up, ends. Padding adds zeros, so the blob must not be negative: it
                            must come out of a ReLU.
    cellwise layers         unchanged: ReLU, LRN across channels, Dropout, Eltwise, Concat, Softmax ...

Source   CVPR 2015, section 3.2; caffe 9b89154 conv_layer.cpp and pooling_layer.cpp (sizes)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, Iterable, Iterator, Sequence

import numpy as np
from google.protobuf import text_format

from fcn_repro import engine
from fcn_repro.layer_params.conv_window import read_window
from fcn_repro.model.receptive_field import is_cellwise
from fcn_repro.model.surgery import check_weights
from fcn_repro.system.atomic_write import atomic_write

NONNEGATIVE_STAYS = ("Concat", "Dropout", "LRN", "Softmax", "Split")  # cellwise layers that add no negative value
SHIFT = "_shift"  # in the names of the layers that replace pooling


@dataclass(frozen=True)
class _Blob:
    """A blob of the dilated net."""

    channels: int
    stride: int  # pixels between two cells
    rate: int  # product of the strides that were removed below it
    may_be_negative: bool


def dilate(net: Any, stride: int = 1) -> Any:
    """The NetParameter that computes what `net` does, at cells `stride` pixels apart.

    Strides are kept up to `stride` and removed above it. If a blob becomes n times denser, its cells 0, n, 2n ... are
    the cells that `net` computes. Layer names and weight shapes do not change, so the weights fit; `load` fills in the
    shifts.

    Raises   ValueError naming the layer that cannot be dilated, or whose stride jumps over `stride`
    """
    blobs: dict[str, _Blob] = {}
    layers: list[Any] = []
    for layer in net.layer:
        below = [blobs[name] for name in layer.bottom]
        if len({(blob.stride, blob.rate) for blob in below}) > 1:
            raise _refuse(layer, "joins blobs of different strides")
        made, top = _dilate_layer(layer, below, stride)
        layers += made
        blobs.update(dict.fromkeys(layer.top, top))
    return _with_layers(net, layers)


def truncate(net: Any, layer: str) -> Any:
    """The layers of a NetParameter up to the one of that name.

    Raises   ValueError when there is none
    """
    names = [each.name for each in net.layer]
    if layer not in names:
        raise ValueError(f"no layer {layer!r}; expected one of {', '.join(names)}")
    return _with_layers(net, net.layer[: names.index(layer) + 1])


def remove_padding(net: Any) -> tuple[Any, int]:
    """The NetParameter without the padding of its first convolution, and the pixels that this one padded by."""
    result = _with_layers(net, net.layer)
    pad = read_window(result.layer[1]).pad[0]
    _replace(result.layer[1].convolution_param, "pad", [])
    return result, pad


def load(net: Any, prototxt: Path, weights: Path) -> Any:
    """The caffe.Net of a NetParameter in the TEST phase, with its weights and shifts; writes `prototxt`.

    Raises   DataError when the weights leave a layer below the scores empty
    """
    prototxt.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(prototxt) as file:
        file.write(text_format.MessageToString(net))
    loaded = engine.caffe.Net(str(prototxt), engine.caffe.TEST, weights=str(weights))
    fill_shifts(loaded)
    check_weights(loaded, weights)
    return loaded


def fill_shifts(net: Any) -> None:
    """Write the ones into the shift layers of a dilated net; a layer's name holds the row and column of its 1."""
    for name, blobs in net.params.items():
        if SHIFT in name:
            row, column = map(int, name.rpartition(SHIFT)[2].split("_"))
            blobs[0].data[...] = 0
            blobs[0].data[:, :, row, column] = 1


def compute_scores(net: Any, image: np.ndarray) -> np.ndarray:
    """The last blob of a net, (C, h, w), for a preprocessed image (3, H, W)."""
    net.blobs[net.inputs[0]].reshape(1, *image.shape)
    net.blobs[net.inputs[0]].data[0] = image
    return np.array(net.forward()[net.outputs[0]][0])


def shift_and_stitch(net: Any, image: np.ndarray, net_stride: int, stride: int = 1) -> np.ndarray:
    """The scores of a net of stride `net_stride` at cells `stride` pixels apart, (C, h, w), for an image (3, H, W).

    Runs the net (net_stride / stride)**2 times, on the image without its first 0, stride, 2 * stride ... rows and
    columns, and interlaces the outputs. The paper shifts right and down instead: pad the image by net_stride - stride
    above and to the left for the same cells.

    Raises   ValueError when net_stride is no multiple of stride
    """
    if net_stride % stride:
        raise ValueError(f"a net of stride {net_stride} cannot be stitched to cells {stride} pixels apart")
    times = net_stride // stride
    parts = {
        (row, column): compute_scores(net, image[:, row * stride :, column * stride :])
        for row, column in product(range(times), repeat=2)
    }
    height = sum(parts[row, 0].shape[1] for row in range(times))
    width = sum(parts[0, column].shape[2] for column in range(times))
    stitched = np.empty((len(parts[0, 0]), height, width), np.float32)
    for (row, column), part in parts.items():
        stitched[:, row::times, column::times] = part
    return stitched


def _with_layers(net: Any, layers: Iterable[Any]) -> Any:
    """A copy of a NetParameter with other layers."""
    result = type(net)()
    result.CopyFrom(net)
    del result.layer[:]
    result.layer.extend(layers)
    return result


def _dilate_layer(layer: Any, below: Sequence[_Blob], stride: int) -> tuple[Sequence[Any], _Blob]:
    """The layers that replace one, and its top."""
    if layer.type == "Input":
        return [layer], _Blob(layer.input_param.shape[0].dim[1], stride=1, rate=1, may_be_negative=True)
    if layer.type == "Convolution":
        return _dilate_convolution(layer, below[0], stride)
    if layer.type == "Pooling":
        return _dilate_pooling(layer, below[0], stride)
    if not is_cellwise(layer):
        raise _refuse(layer, "is neither a convolution, nor max pooling, nor cellwise")
    is_relu = layer.type == "ReLU" and not layer.relu_param.negative_slope
    stays = layer.type in NONNEGATIVE_STAYS and not any(blob.may_be_negative for blob in below)
    channels = sum(blob.channels for blob in below) if layer.type == "Concat" else below[0].channels
    return [layer], replace(below[0], channels=channels, may_be_negative=not (is_relu or stays))


def _dilate_convolution(layer: Any, below: _Blob, stride: int) -> tuple[Sequence[Any], _Blob]:
    window = _read_square_window(layer)
    above = _subsample(layer, below, window.stride[0], stride)
    made = type(layer)()
    made.CopyFrom(layer)
    param = made.convolution_param
    if below.rate > 1:
        param.dilation[:] = [window.dilation[0] * below.rate]
    if below.rate > 1 and window.pad[0]:
        _replace(param, "pad", [window.pad[0] * below.rate])
    if above.rate > 1:
        _replace(param, "stride", [])
    return [made], replace(above, channels=param.num_output, may_be_negative=True)


def _replace(param: Any, name: str, values: Sequence[int]) -> None:
    """Write a list in place of whichever form a ConvolutionParameter has."""
    param.ClearField(f"{name}_h")
    param.ClearField(f"{name}_w")
    getattr(param, name)[:] = values


def _dilate_pooling(layer: Any, below: _Blob, stride: int) -> tuple[Sequence[Any], _Blob]:
    param = layer.pooling_param
    if param.pool != param.MAX or param.global_pooling:
        raise _refuse(layer, "is not the maximum over a window")
    window = _read_square_window(layer)
    kernel, own_stride, pad = window.kernel[0], window.stride[0], window.pad[0]
    if pad and own_stride > 1:
        raise _refuse(layer, "pads and subsamples")
    above = _subsample(layer, below, own_stride, stride)
    if above.rate == 1:
        return [layer], above
    if own_stride > 1 and param.round_mode == param.FLOOR:
        raise _refuse(layer, "rounds sizes down")
    if below.may_be_negative:
        raise _refuse(layer, "pools a blob that may be negative: dilated, its padding of zeros could win")
    return [*_make_shifts(layer, below, kernel, own_stride - 1, pad)], above


def _make_shifts(layer: Any, below: _Blob, kernel: int, more: int, pad: int) -> Iterator[Any]:
    """Pooling as the maximum of shifted copies; filters have `more` cells a side than the kernel."""
    names = []
    for row, column in product(range(more, more + kernel), repeat=2):
        shift = type(layer)(name=f"{layer.name}{SHIFT}{row}_{column}", type="Convolution", bottom=layer.bottom)
        shift.top.append(shift.name)
        shift.param.add(lr_mult=0)
        param = shift.convolution_param
        param.num_output = param.group = below.channels
        param.bias_term = False
        param.kernel_size[:] = [kernel + more]
        param.pad[:] = [(pad + more) * below.rate]
        param.dilation[:] = [below.rate]
        names.append(shift.name)
        yield shift
    maximum = type(layer)(name=layer.name, type="Eltwise", bottom=names, top=layer.top)
    maximum.eltwise_param.operation = maximum.eltwise_param.MAX
    yield maximum


def _read_square_window(layer: Any) -> Any:
    window = read_window(layer)
    if not window.is_square:
        raise _refuse(layer, "has different windows along the two axes")
    return window


def _subsample(layer: Any, below: _Blob, own_stride: int, stride: int) -> _Blob:
    """The blob above a layer of stride `own_stride`, which is kept up to `stride` and removed beyond it."""
    if below.rate > 1 or below.stride >= stride:
        return replace(below, rate=below.rate * own_stride)
    if below.stride * own_stride > stride:
        raise _refuse(layer, f"jumps from cells {below.stride} pixels apart past {stride}")
    return replace(below, stride=below.stride * own_stride)


def _refuse(layer: Any, why: str) -> ValueError:
    return ValueError(f"layer {layer.name} ({layer.type}) {why}, so this net has no dilated equivalent; stop below it")
