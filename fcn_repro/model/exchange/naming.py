"""The conventions of other programs: how they name a net's layers, order axes and channels, and prepare images."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Callable, Mapping, Sequence

from fcn_repro.model.exchange.preprocessing import TORCHVISION, Preprocessing

Names = Callable[[Sequence[str]], Mapping[str, str]]  # a file's layers, in order, to Caffe's layers

FIRST_LAYERS = ("conv1_1", "conv1", "conv1/7x7_s2")  # of VGG, AlexNet and GoogLeNet in Caffe
VGG_DEPTHS = ((2, 2, 3, 3, 3), (2, 2, 4, 4, 4))  # convolutions per stage of VGG-16 and VGG-19


@dataclass(frozen=True)
class Convention:
    """How a program names and lays out the arrays of a net.

    title      for messages
    pattern    of an array's name: a layer, and a weight (group `weight`) or else its bias
    names      maps the file's layers to Caffe's
    axes       of filters; fully connected weights are (O, I) with "OIHW", else (I, O), where I counts H W C
    is_rgb     whether the first layer reads R G B, and not B G R
    images     the preprocessing that the weights expect; None: Caffe's, of the caffemodels they were converted from
    """

    title: str
    pattern: str
    names: Names
    axes: str = "OIHW"
    is_rgb: bool = False
    images: Preprocessing | None = None

    def find_layers(self, arrays: Sequence[str]) -> dict[str, list[str]] | None:
        """Return the names of weights and bias of each of Caffe's layers; None for arrays of another convention."""
        layers: dict[str, list[str]] = {}
        for array in arrays:
            match = re.fullmatch(self.pattern, array)
            if match is None:
                return None
            layers.setdefault(match["layer"], []).insert(0 if match["weight"] else 1, array)
        names = self.names(list(layers))
        if not set(layers) <= set(names):
            return None
        return {names[layer]: found for layer, found in layers.items()}


def _keep_caffes(layers: Sequence[str]) -> Mapping[str, str]:
    """Caffe's own names, if one of the known first layers is among them."""
    return {layer: layer for layer in layers} if set(layers) & set(FIRST_LAYERS) else {}


def _name_matconvnet(layers: Sequence[str]) -> Mapping[str, str]:
    """Caffe's names, but for the interpolations, which the first release of FCNs named otherwise."""
    upsampling = {"upsample": "upscore"}
    if "upsample_new" in layers:
        upsampling = {"score2": "upscore2", "upsample_new": "upscore16"}
    if "score4" in layers:
        upsampling = {"score2": "upscore2", "score4": "upscore_pool4", "upsample": "upscore8"}
    return {layer: upsampling.get(name, name) for layer, name in _keep_caffes(layers).items()}


def _name_vgg(convolution: Callable[[int, int, int], str], head: Sequence[str]) -> Names:
    """Name VGG's layers: `convolution` takes stage, number in the stage, and position among all layers."""

    def names(layers: Sequence[str]) -> Mapping[str, str]:
        for depths in VGG_DEPTHS:
            found, position = dict(zip(head, ("fc6", "fc7", "fc8"))), 0
            for stage, depth in enumerate(depths, start=1):
                for i in range(1, depth + 1):
                    found[convolution(stage, i, position)] = f"conv{stage}_{i}"
                    position += 2  # the convolution and its ReLU
                position += 1  # the pooling
            if set(layers) <= set(found):
                return found
        return {}

    return names


def _by_position(stage: int, i: int, position: int) -> str:
    return f"features.{position}"


STATE_DICT = r"(?P<layer>.+)\.(?:(?P<weight>weight)|bias)"
TORCHVISION_VGG = _name_vgg(_by_position, ("classifier.0", "classifier.3", "classifier.6"))
TIMM_VGG = _name_vgg(_by_position, ("pre_logits.fc1", "pre_logits.fc2", "head.fc"))
KERAS_VGG = _name_vgg(lambda stage, i, _: f"block{stage}_conv{i}", ("fc1", "fc2", "predictions"))

CONVENTIONS = (
    Convention("a state_dict with Caffe's layer names, as pytorch-fcn's", STATE_DICT, _keep_caffes),
    Convention("Chainer, as wkentaro/fcn's", r"(?P<layer>.+)/(?:(?P<weight>W)|b)", _keep_caffes),
    Convention("Keras", r"(?P<layer>.+)/(?:(?P<weight>kernel)|bias)", KERAS_VGG, axes="HWIO"),
    Convention("Toronto's port to TensorFlow", r"(?P<layer>.+)_(?:(?P<weight>W)|b)", _keep_caffes, "HWIO", True),
    Convention("MatConvNet", r"(?P<layer>.+)/(?:(?P<weight>filters)|biases)", _name_matconvnet, "HWIO", True),
    Convention("the ONNX zoo's port by Caffe2", r"(?P<layer>.+)_(?:(?P<weight>w)|b)_0", _keep_caffes),
    Convention("torchvision", STATE_DICT, TORCHVISION_VGG, is_rgb=True, images=TORCHVISION),
    Convention("timm", STATE_DICT, TIMM_VGG, is_rgb=True, images=TORCHVISION),
)
IN_ORDER = Convention("layers in order, without known names", "", _keep_caffes, is_rgb=True, images=TORCHVISION)
