"""Net surgery: copy weights between nets whose layers Caffe's own loader would not match.

A fully connected layer with an O x I weight matrix computes what a convolution with O x C x kH x kW filters computes at
one position, where I = C * kH * kW, and both store the same numbers in the same order. So copying in memory order makes
a classifier fully convolutional.

Source   reference 1305c73, surgery.py; CVPR 2015, section 3.1 (convolutionalisation) and 3.3 (upsampling)
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Sequence

import numpy as np
from google.protobuf import text_format

from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model.prototxt import read_net
from fcn_repro.model.weights_origin import inherit_origin
from fcn_repro.system.atomic_write import atomic_write


@dataclass
class Transplant:
    """What a transplant did, by layer name."""

    copied: list[str] = field(default_factory=list)  # the same shape in both nets
    reshaped: list[str] = field(default_factory=list)  # another shape with the same count
    dropped: list[str] = field(default_factory=list)  # in the source only
    untouched: list[str] = field(default_factory=list)  # in the target only: its filler's values

    def __str__(self) -> str:
        rows = ((name, layers) for name, layers in vars(self).items() if layers)
        return "\n".join(f"{name:<9} {len(layers):>3}: {' '.join(layers)}" for name, layers in rows)


def transplant(new_net: caffe.Net, net: caffe.Net, suffix: str = "") -> Transplant:
    """Copy the weights of `net` into the layers of `new_net` of the same name plus `suffix`, in memory order.

    Raises   ValueError if the blobs of a layer have different counts in the two nets
    """
    report = Transplant()
    for name in net.params:
        source, target = net.params[name], new_net.params.get(name + suffix)
        if target is None:
            report.dropped.append(name)
            continue
        if len(source) != len(target):
            raise ValueError(
                f"layer {name} has {len(source)} weight blobs and {name + suffix} has {len(target)}; "
                "expected the same number (is bias_term the same in both prototxts?)"
            )
        same = [_copy(source[i], target[i], f"{name}[{i}]") for i in range(len(source))]
        (report.copied if all(same) else report.reshaped).append(name + suffix)
    report.untouched = [name for name in new_net.params if name not in report.copied + report.reshaped]
    return report


def _copy(source: caffe.Blob, target: caffe.Blob, name: str) -> bool:
    """Copy in memory order; return whether the shapes are equal."""
    if source.count != target.count:
        raise ValueError(
            f"weights {name}: {list(source.shape)} holds {source.count} numbers and does not fit "
            f"{list(target.shape)}, which holds {target.count}; "
            "rename the layer in one prototxt if it is meant to be new"
        )
    target.data.reshape(-1)[:] = source.data.reshape(-1)
    return list(source.shape) == list(target.shape)


def convolutionalise(classifier: Path, weights: Path, convolutional: Path, out: Path) -> Transplant:
    """Write a classifier's weights as those of the same net with convolutions for its fully connected layers.

    `classifier` and `convolutional` are the prototxts of the two nets.

    Raises   ValueError if a layer of the second finds no weights, or some that do not fit; RuntimeError if a file is
             missing
    """
    net = caffe.Net(str(classifier), caffe.TEST, weights=str(weights))
    new_net = caffe.Net(str(convolutional), caffe.TEST)
    report = transplant(new_net, net)
    if report.untouched:
        raise ValueError(
            f"{convolutional}: {weights} has no weights for {' '.join(report.untouched)}; "
            f"its layers are {' '.join(net.params)}"
        )
    save(new_net, out)
    inherit_origin(out, [weights])
    return report


def save_trunk(net_param: caffe.proto.caffe_pb2.NetParameter, weights: Path, out: Path) -> None:
    """Write the weights of a net's layers below its score layers, so that a net of other classes can start from them.

    Writes   `out`, and beside it the prototxt of those layers
    Raises   DataError if the file lacks the weights of a layer, or has them in another shape
    """
    trunk = caffe.proto.caffe_pb2.NetParameter()
    trunk.CopyFrom(net_param)
    del trunk.layer[next(i for i, layer in enumerate(trunk.layer) if layer.name.startswith("score")) :]
    prototxt = out.with_suffix(".prototxt")
    prototxt.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(prototxt) as file:
        file.write(text_format.MessageToString(trunk))
    try:
        save(load(prototxt, weights), out)
        inherit_origin(out, [weights])
    except RuntimeError as error:
        raise DataError(f"{weights}: {error}\nExpected the weights of a net with the layers of {prototxt}") from error


def save(net: caffe.Net, out: Path) -> None:
    """Write a net's weights as a caffemodel, whole or not at all on either engine."""
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.part")
    net.save(str(partial))
    os.replace(partial, out)


def load(prototxt: Path, weights: Path) -> caffe.Net:
    """Load a net in the TEST phase with its weights.

    Raises   DataError if the file is missing, if it leaves a layer below the scores without weights, or as
             `check_harmless`
    """
    if not weights.exists():
        raise DataError(f"{weights}: missing; expected the weights of {prototxt}")
    check_harmless(prototxt)
    net = caffe.Net(str(prototxt), caffe.TEST, weights=str(weights))
    check_weights(net, weights)
    return net


def check_harmless(prototxt: Path) -> None:
    """Refuse a net that would import a Python module or write a file: an untrusted net may only compute.

    In Caffe, `module` names any Python module, and so it does for `caffe.Net`, the solvers, tools.caffe and
    tools.pycaffe. Here a Python layer's module must be loaded already: our data layers are, and those of scripts that
    import them first.

    Raises   DataError naming the layer
    """
    try:
        net = read_net(prototxt)
    except (OSError, ValueError):
        return  # the engine reports what is wrong
    for layer in net.layer:
        module = layer.python_param.module
        if layer.type == "Python" and module not in sys.modules:
            raise DataError(
                f"{prototxt}: layer {layer.name!r} is code of the Python module {module!r}, which an untrusted net "
                "may not load. Fix, if you trust it: import it in a script, and run python -m tools.pycaffe SCRIPT"
            )
    writing = [layer.name for layer in net.layer if layer.type == "HDF5Output"]
    writing += [layer.name for layer in net.layers if layer.type == layer.HDF5_OUTPUT]
    if writing:
        raise DataError(f"{prototxt}: layer {writing[0]!r} writes a file, which an untrusted net may not")


def check_weights(net: caffe.Net, weights: Path | str) -> None:
    """Refuse a net with a layer of zeros only, except score layers, which start so: `weights` lacked that layer.

    Raises   DataError naming the layers
    """
    zeros = [name for name, blobs in net.params.items() if not name.startswith("score") and not blobs[0].data.any()]
    if zeros:
        raise DataError(
            f"{weights}: no weights for {' '.join(zeros)}, so these layers hold only zeros and block the score layers. "
            "Expected a file with layers of these names."
        )


def upsample_filt(size: int) -> np.ndarray:
    """Return the (size, size) kernel that upsamples bilinearly by (size + 1) // 2; it sums to that factor squared."""
    factor = (size + 1) // 2
    centre = factor - 1 if size % 2 else factor - 0.5
    triangle = 1 - abs(np.arange(size) - centre) / factor
    return np.outer(triangle, triangle)


def interp(net: caffe.Net, layers: Sequence[str]) -> None:
    """Make deconvolution `layers` interpolate bilinearly, channel by channel.

    The filters fill the diagonal of a layer's (C, C, k, k) weights, or all of its (C, 1, k, k) weights if it is grouped
    by channel.

    Raises   ValueError if a layer's filters are not square or its channels cannot be paired
    """
    for name in layers:
        weights = net.params[name][0]
        c_in, c_out, height, width = weights.shape
        if c_out not in (c_in, 1):
            raise ValueError(
                f"layer {name} maps {c_in} channels to {c_out}; interpolation needs equal numbers or group"
            )
        if height != width:
            raise ValueError(f"layer {name} has {height} x {width} filters; interpolation needs square ones")
        channel = np.arange(c_in)
        weights.data[channel, channel if c_out > 1 else 0] = upsample_filt(height)


def find_upsampling_layers(net: caffe.Net) -> list[str]:
    """Return the layers that the reference interpolates: deconvolutions with "up" in their name."""
    return [name for name in net.params if "up" in name and net.layer_dict[name].type == "Deconvolution"]


def expand_score(new_net: caffe.Net, new_layer: str, net: caffe.Net, layer: str) -> None:
    """Copy a score layer into one with more classes: the old classes come first, the new ones keep their filler.

    Raises   ValueError if the new layer has fewer classes or another number of input channels
    """
    for old, new in zip(net.params[layer], new_net.params[new_layer]):
        if list(old.shape)[1:] != list(new.shape)[1:] or new.num < old.num:
            raise ValueError(
                f"score layer {layer} {list(old.shape)} does not fit the start of {new_layer} {list(new.shape)}; "
                "expected at least that number of classes, and the other axes equal"
            )
        new.data[: old.num] = old.data


def add_channels(new_net: caffe.Net, new_layer: str, net: caffe.Net, layer: str) -> None:
    """Copy a convolution into one with more input channels: each added channel starts as the mean of the old ones.

    Raises   ValueError if the layers differ in more than their input channels
    Source   reference 1305c73, nyud-fcn32s-color-d/solve.py: depth beside blue, green and red
    """
    (weights, bias), (new_weights, new_bias) = net.params[layer], new_net.params[new_layer]
    filters, channels, *kernel = weights.shape
    new_filters, new_channels, *new_kernel = new_weights.shape
    if [filters, *kernel] != [new_filters, *new_kernel] or new_channels < channels:
        raise ValueError(
            f"layer {layer} {list(weights.shape)} does not fit {new_layer} {list(new_weights.shape)}; "
            "expected only the second axis, the input channels, to grow"
        )
    new_weights.data[:, :channels] = weights.data
    new_weights.data[:, channels:] = weights.data.mean(axis=1, keepdims=True)
    new_bias.data[...] = bias.data


def widen(new_net: caffe.Net, new_layer: str, net: caffe.Net, layer: str) -> None:
    """Copy a layer into one with more filters, input channels, or kernel cells; the net then computes the same.

    The old filters come first and ignore added channels. Added filters keep their fillers' values; a next layer that is
    widened, too, ignores their outputs until it is trained. A dilated kernel fills every d-th row and column.

    Raises   ValueError if the new layer is narrower, or its kernel does not fit
    Source   Chen, Goodfellow and Shlens, arXiv 1511.05641, which repeats old filters where this keeps random ones
    """
    (weights, bias), (new_weights, new_bias) = net.params[layer], new_net.params[new_layer]
    filters, channels, *kernel = weights.shape
    new_filters, new_channels, *new_kernel = new_weights.shape
    step = max((new_kernel[0] - 1) // (kernel[0] - 1), 1) if kernel[0] > 1 else 1
    covered = [step * (side - 1) + 1 for side in kernel]
    if covered != new_kernel or new_filters < filters or new_channels < channels:
        raise ValueError(
            f"layer {layer} {list(weights.shape)} does not fit {new_layer} {list(new_weights.shape)}; "
            "expected at least as many filters and channels, and an equal kernel or one that a dilated kernel covers"
        )
    new_weights.data[:filters] = 0
    new_weights.data[:filters, :channels, ::step, ::step] = weights.data
    new_bias.data[:filters] = bias.data


def double_kernel(new_net: caffe.Net, new_layer: str, net: caffe.Net, layer: str) -> None:
    """Copy a convolution into one with a kernel twice as wide, for a feature map of half the stride.

    Each weight becomes four quarters, so the window keeps its centre. Where the finer map repeats every cell of the
    coarser one four times, the result is the same.

    Raises   ValueError if the layers differ in more than their kernels, or the new kernel is not twice as wide
    """
    (weights, bias), (new_weights, new_bias) = net.params[layer], new_net.params[new_layer]
    *planes, height, width = weights.shape
    if list(new_weights.shape) != [*planes, 2 * height, 2 * width]:
        raise ValueError(
            f"layer {layer} {list(weights.shape)} does not fit {new_layer} {list(new_weights.shape)}; "
            "expected the last two axes, the kernel, to double"
        )
    new_weights.data[...] = weights.data.repeat(2, axis=2).repeat(2, axis=3) / 4
    new_bias.data[...] = bias.data
