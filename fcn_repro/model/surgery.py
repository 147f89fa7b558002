"""Net surgery: weights moved between nets that Caffe's own loader would not match.

A fully connected layer with an O x I weight matrix computes what a convolution with O x C x kH x kW filters computes at
one position, I = C * kH * kW, and both keep the same numbers in the same order. So a classifier becomes fully
convolutional by copying its weights in memory order.

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
from fcn_repro.system import untrusted_files
from fcn_repro.system.atomic_write import atomic_write


@dataclass
class Transplant:
    """What a transplant did, by layer name."""

    copied: list[str] = field(default_factory=list)  # same shape in both nets
    reshaped: list[str] = field(default_factory=list)  # same count of numbers, another shape
    dropped: list[str] = field(default_factory=list)  # in the source only
    untouched: list[str] = field(default_factory=list)  # in the target only: still what its filler made it

    def __str__(self) -> str:
        rows = ((name, layers) for name, layers in vars(self).items() if layers)
        return "\n".join(f"{name:<9} {len(layers):>3}: {' '.join(layers)}" for name, layers in rows)


def transplant(new_net: caffe.Net, net: caffe.Net, suffix: str = "") -> Transplant:
    """Copy the weights of `net` into the layers of `new_net` of the same name plus `suffix`, in memory order.

    Raises   ValueError when a layer's blobs hold different counts of numbers in the two nets.
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
    """Copy in memory order; True if the shapes were the same."""
    if source.count != target.count:
        raise ValueError(
            f"weights {name}: {list(source.shape)} holds {source.count} numbers and does not fit "
            f"{list(target.shape)}, which holds {target.count}; "
            "rename the layer in one prototxt if it is meant to be new"
        )
    target.data.reshape(-1)[:] = source.data.reshape(-1)
    return list(source.shape) == list(target.shape)


def convolutionalise(classifier: Path, weights: Path, convolutional: Path, out: Path) -> Transplant:
    """Turn a classifier's caffemodel into that of the same net with convolutions for its fully connected layers.

    `classifier` and `convolutional` are the two nets' prototxts; every layer of the second must find its weights.

    Raises   ValueError when a layer finds none or does not fit; RuntimeError when a file is missing.
    Writes   `out`, whole or not at all.
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
    return report


def decapitate(net_param: caffe.proto.caffe_pb2.NetParameter, weights: Path, out: Path) -> None:
    """Keep of a file of weights what a net has below its score layers: those can then be of other classes.

    Raises   DataError when a layer finds no weights in the file, or those of another shape
    Writes   `out`, and beside it, as a prototxt, the layers that are left
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
    except RuntimeError as error:
        raise DataError(
            f"{weights}: {error}\nThese are not the weights of a net with the layers of {prototxt}"
        ) from error


def save(net: caffe.Net, out: Path) -> None:
    """Write a net's weights as a caffemodel, whole or not at all on either engine."""
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.part")
    net.save(str(partial))
    os.replace(partial, out)


def load(prototxt: Path, weights: Path) -> caffe.Net:
    """A net in the TEST phase with its weights, every layer of it.

    Raises   DataError when the file is missing, or leaves a layer below the scores without weights, or when the net is
             not `check_harmless`.
    """
    if not weights.exists():
        raise DataError(f"{weights}: missing; expected the weights of {prototxt}")
    check_harmless(prototxt)
    net = caffe.Net(str(prototxt), caffe.TEST, weights=str(weights))
    check_weights(net, weights)
    return net


def check_harmless(prototxt: Path) -> None:
    """Refuse a net that would import a Python module or write a file: a net that is given is run, and nothing else.

    To Caffe, `module` in a prototxt is whatever Python finds under that name, and so it is to `caffe.Net`, the solvers,
    tools.caffe and tools.pycaffe. Here a Python layer may be of a module that is loaded already: our data layers are,
    and those of one's own are once they are imported.

    Raises   DataError naming the layer
    """
    net = caffe.proto.caffe_pb2.NetParameter()
    try:
        text_format.Merge(untrusted_files.read_text(prototxt), net)
    except (OSError, ValueError, text_format.ParseError):
        return  # the engine says what is wrong with it
    for layer in net.layer:
        module = layer.python_param.module
        if layer.type == "Python" and module not in sys.modules:
            raise DataError(
                f"{prototxt}: layer {layer.name!r} is code of the Python module {module!r}, which a net that is given "
                "may not load. If you trust it, run your own script, which imports it: python -m tools.pycaffe SCRIPT"
            )
    writing = [layer.name for layer in net.layer if layer.type == "HDF5Output"]
    writing += [layer.name for layer in net.layers if layer.type == layer.HDF5_OUTPUT]
    if writing:
        raise DataError(f"{prototxt}: layer {writing[0]!r} writes a file of its own, which a net that is given may not")


def check_weights(net: caffe.Net, weights: Path | str) -> None:
    """Refuse a net with a layer of nothing but zeros, save score layers, which start so: `weights` lacked that layer.

    Raises   DataError naming the layers; nothing could get past them.
    """
    zeros = [name for name, blobs in net.params.items() if not name.startswith("score") and not blobs[0].data.any()]
    if zeros:
        raise DataError(
            f"{weights}: no weights for {' '.join(zeros)}, which hold only zeros, so nothing could reach the score "
            "layers. Expected a file with layers of these names."
        )


def upsample_filt(size: int) -> np.ndarray:
    """The (size, size) kernel that upsamples bilinearly by (size + 1) // 2; it sums to that factor squared."""
    factor = (size + 1) // 2
    centre = factor - 1 if size % 2 else factor - 0.5
    triangle = 1 - abs(np.arange(size) - centre) / factor
    return np.outer(triangle, triangle)


def interp(net: caffe.Net, layers: Sequence[str]) -> None:
    """Make each of the deconvolution `layers` interpolate bilinearly, every channel by itself.

    The filters of a layer with C channels go on the diagonal of its (C, C, k, k) weights, or into all of its
    (C, 1, k, k) weights if it is grouped by channel.

    Raises   ValueError when a layer's filters are not square or its channels cannot be paired.
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


def upsampling_layers(net: caffe.Net) -> list[str]:
    """The layers that the reference interpolates: deconvolutions with "up" in their name."""
    return [name for name in net.params if "up" in name and net.layer_dict[name].type == "Deconvolution"]


def expand_score(new_net: caffe.Net, new_layer: str, net: caffe.Net, layer: str) -> None:
    """Copy a score layer into one with more classes: the old classes come first, the new ones keep their filler.

    Raises   ValueError when the new layer has fewer classes or reads another number of channels.
    """
    for old, new in zip(net.params[layer], new_net.params[new_layer]):
        if list(old.shape)[1:] != list(new.shape)[1:] or new.num < old.num:
            raise ValueError(
                f"score layer {layer} {list(old.shape)} does not fit the start of {new_layer} {list(new.shape)}; "
                "expected as many classes or more, and the other axes equal"
            )
        new.data[: old.num] = old.data


def inflate(new_net: caffe.Net, new_layer: str, net: caffe.Net, layer: str) -> None:
    """Copy a convolution into one that reads more channels: each added channel starts as the mean of the old ones.

    Raises   ValueError when the layers differ in more than their input channels.
    Source   reference 1305c73, nyud-fcn32s-color-d/solve.py: depth beside blue, green and red
    """
    (weights, bias), (new_weights, new_bias) = net.params[layer], new_net.params[new_layer]
    filters, channels, *kernel = weights.shape
    new_filters, new_channels, *new_kernel = new_weights.shape
    if [filters, *kernel] != [new_filters, *new_kernel] or new_channels < channels:
        raise ValueError(
            f"layer {layer} {list(weights.shape)} cannot be inflated to {new_layer} {list(new_weights.shape)}; "
            "expected only the second axis, the input channels, to grow"
        )
    new_weights.data[:, :channels] = weights.data
    new_weights.data[:, channels:] = weights.data.mean(axis=1, keepdims=True)
    new_bias.data[...] = bias.data


def spread(new_net: caffe.Net, new_layer: str, net: caffe.Net, layer: str) -> None:
    """Copy a convolution into one with windows twice as wide, for a map of twice as many cells.

    Each weight becomes four of a quarter. So the window's centre stays where it is, and where the finer map is the
    coarser one with every cell four times, the result is what it was.

    Raises   ValueError when the layers differ in more than their windows, or these are not twice as wide.
    """
    (weights, bias), (new_weights, new_bias) = net.params[layer], new_net.params[new_layer]
    *planes, height, width = weights.shape
    if list(new_weights.shape) != [*planes, 2 * height, 2 * width]:
        raise ValueError(
            f"layer {layer} {list(weights.shape)} cannot be spread to {new_layer} {list(new_weights.shape)}; "
            "expected the last two axes, the window, to double"
        )
    new_weights.data[...] = weights.data.repeat(2, axis=2).repeat(2, axis=3) / 4
    new_bias.data[...] = bias.data
