"""The classifiers that the FCNs start from, under the layer names of their released weights.

Each has two forms. One has InnerProduct layers, to train, test and load released weights. The other, named `*-fcn`, has
the same layers as convolutions, which take the same weights and run on images of any size.

Source   caffe 9b89154 models/bvlc_reference_caffenet, bvlc_alexnet and bvlc_googlenet; VGG's Caffe release; Simonyan
         and Zisserman, section 3.1 (fillers).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Callable, Mapping, NamedTuple, Sequence

from fcn_repro.engine import caffe
from nets.alexnet import alexnet, caffenet
from nets.data import Data, write_data_layer
from nets.googlenet import auxiliary, googlenet_pooled
from nets.idioms import L, NetSpec, P, Style, Top
from nets.vgg import MINI_WIDTH, vgg16, vgg19

FillerParameter = caffe.proto.caffe_pb2.FillerParameter


class Fillers(NamedTuple):
    """The fillers of a layer's weights and biases."""

    weight: Any
    bias: Any


class Ilsvrc2012(NamedTuple):
    """How a classifier reads ILSVRC 2012: training images per batch, and the transform of their pixels."""

    batch_size: int
    transform: Mapping[str, object]
    class_names: Sequence[object] = range(1000)  # the nets need only their number


class Names(NamedTuple):
    """The names of a classifier's scores and loss, and of its accuracies with their top_k."""

    score: str
    loss: str
    accuracy: Mapping[str, int]


@dataclass(frozen=True)
class Classifier:
    """A trunk and how it is trained as a classifier. `size` is the side of its square input, in pixels."""

    trunk: Callable[[NetSpec, Style], dict[str, Top]]
    names: Names
    fillers: Callable[[str], Fillers]
    size: int
    reads: Ilsvrc2012 | None = None
    auxiliary: tuple[tuple[str, str], ...] = ()  # name and tap of each
    style: Style = Style(dense=True)


def _fillers(bias: float = 0, **weight: object) -> Fillers:
    return Fillers(FillerParameter(**weight), FillerParameter(type="constant", value=bias))


def _vgg_fillers(layer: str) -> Fillers:
    return _fillers(type="gaussian", std=0.01)


def _caffenet_fillers(layer: str, bias: float = 1) -> Fillers:
    std = 0.005 if layer in ("fc6", "fc7") else 0.01
    bias = bias if layer in ("conv2", "conv4", "conv5", "fc6", "fc7") else 0
    return _fillers(type="gaussian", std=std, bias=bias)


def _googlenet_fillers(layer: str) -> Fillers:
    return _fillers(type="xavier", bias=0 if layer.endswith("classifier") else 0.2)


def _mini_fillers(layer: str) -> Fillers:
    return _fillers(type="constant", value=1) if layer == "pad5" else _fillers(type="xavier")


FC8 = Names("fc8", "loss", {"accuracy": 1})
LOSS3 = Names("loss3/classifier", "loss3/loss3", {"loss3/top-1": 1, "loss3/top-5": 5})
MEAN_IMAGE = dict(crop_size=227, mean_file="data/ilsvrc12/imagenet_mean.binaryproto")
MEAN_PIXEL = dict(crop_size=224, mean_value=[104, 117, 123])
VGG_MEAN_PIXEL = dict(crop_size=224, mean_value=[103.939, 116.779, 123.68])

# An input of 96 pixels has 3 x 3 cells in pool5, and fc6 needs 7 x 7. With dropout, so narrow a net does not train.
STRIDE = 32  # pixels between two cells of pool5
MINI = Style(dense=True, dropout=False, width=MINI_WIDTH, margin=2)

CLASSIFIERS = {
    "vgg16": Classifier(vgg16, FC8, _vgg_fillers, 224, Ilsvrc2012(256, VGG_MEAN_PIXEL)),
    "vgg19": Classifier(vgg19, FC8, _vgg_fillers, 224, Ilsvrc2012(256, VGG_MEAN_PIXEL)),
    "caffenet": Classifier(caffenet, FC8, _caffenet_fillers, 227, Ilsvrc2012(256, MEAN_IMAGE)),
    "alexnet": Classifier(alexnet, FC8, partial(_caffenet_fillers, bias=0.1), 227, Ilsvrc2012(256, MEAN_IMAGE)),
    "googlenet": Classifier(
        *(googlenet_pooled, LOSS3, _googlenet_fillers, 224, Ilsvrc2012(32, MEAN_PIXEL)),
        auxiliary=(("loss1", "inception_4a/output"), ("loss2", "inception_4d/output")),
    ),
    "mini-vgg16": Classifier(vgg16, FC8, _mini_fillers, 96, style=MINI),
}
CONVOLUTIONAL = {f"{name}-fcn": name for name in CLASSIFIERS}


def build_classifier(net: Classifier, phase: str, data: Data | Ilsvrc2012) -> Any:
    """The NetParameter for a phase: train and val read data and end in a loss; deploy computes `prob` from `data`."""
    n = NetSpec()
    style = replace(net.style, dropout=net.style.dropout and phase != "deploy")
    classes = len(data.class_names)
    if phase == "deploy":
        n.data = L.Input(shape=dict(dim=[1, 3, net.size, net.size]))
    else:
        n.data, n.label = _database(data, phase) if isinstance(data, Ilsvrc2012) else write_data_layer(data, phase)
    *_, top = net.trunk(n, style).values()
    n[net.names.score] = style.classify(top, classes)
    if phase == "deploy":
        n.prob = L.Softmax(n[net.names.score])
    else:
        _write_loss(n, net, phase, style, classes)
    proto = n.to_proto()
    if phase == "train":
        _set_fillers(proto, net.fillers)
    return proto


def build_convolutional(net: Classifier, data: Data | Ilsvrc2012) -> Any:
    """The deploy net with every fc layer as a convolution: a map of class probabilities for an image of any size."""
    filled = net.size + 2 * net.style.margin * STRIDE
    return build_classifier(replace(net, size=filled, style=replace(net.style, dense=False, margin=0)), "deploy", data)


def _write_loss(n: NetSpec, net: Classifier, phase: str, style: Style, classes: int) -> None:
    top, names = n[net.names.score], net.names
    n[names.loss] = L.SoftmaxWithLoss(top, n.label)
    if phase == "train":
        for name, tap in net.auxiliary:
            auxiliary(n, name, n[tap], style, classes)
    else:
        for name, guesses in names.accuracy.items():
            n[name] = L.Accuracy(top, n.label, top_k=guesses)


def _database(reads: Ilsvrc2012, phase: str) -> tuple[Top, Top]:
    return L.Data(
        source=f"examples/imagenet/ilsvrc12_{phase}_lmdb",
        backend=P.Data.LMDB,
        batch_size=reads.batch_size if phase == "train" else 50,
        transform_param=dict(mirror=phase == "train", **reads.transform),
        ntop=2,
    )


def _set_fillers(net: Any, fillers: Callable[[str], Fillers]) -> None:
    """Set the fillers of every layer with weights."""
    for layer in net.layer:
        if layer.type in ("Convolution", "InnerProduct"):
            weighted = layer.convolution_param if layer.type == "Convolution" else layer.inner_product_param
            weight, bias = fillers(layer.name)
            weighted.weight_filler.CopyFrom(weight)
            weighted.bias_filler.CopyFrom(bias)
