"""VGG-16's weights from elsewhere, made to take what Caffe's nets take.

Torchvision's nets read R G B, divided by 255, minus a mean, divided by a standard deviation; Caffe's B G R, 0-255,
minus another mean. Both are linear, so the first convolution can take the difference: p the pixel, w and b the layer's,

    w (p / 255 - mean) / std + b  =  (w / (255 std)) (p - mean_bgr) + (w (mean_bgr / 255 - mean) / std + b)

What is inside the image comes out the same. At its border the zeros that the layer pads with stand for the one mean or
the other, some thousandths of the range apart: there, within a pixel of the edge, the two are not quite the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

import numpy as np

from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model.exchange import onnx_files

ALEXNET = (64, 3, 11, 11)


@dataclass(frozen=True)
class Images:
    """What a net was trained to take: R G B, pixels divided by `divisor`, minus `mean`, divided by `std`."""

    divisor: float
    mean: Sequence[float]
    std: Sequence[float]


TORCHVISION = Images(255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def read_layers(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """The weights and biases of a file's layers, in order: an ONNX file by its name, else a state_dict.

    Raises   DataError for a file that is neither, and for nets with batch normalisation, which VGG-16 has not
    """
    if path.suffix == ".onnx":
        return onnx_files.read_layers(path)
    from fcn_repro.model.exchange import torch_files

    arrays = torch_files.read_state_dict(path)
    if any(name.endswith("running_mean") for name in arrays):
        raise DataError(f"{path}: normalises batches (vgg16_bn?), and the VGG-16 of the paper does not: take vgg16")
    return [
        (array, arrays.get(f"{name[: -len('weight')]}bias", np.zeros(len(array), np.float32)))
        for name, array in arrays.items()
        if name.endswith("weight")
    ]


def fill(net: caffe.Net, path: Path, layers: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
    """Give a net the weights of layers, in order and in memory order.

    Raises   DataError where they are not as many, or of other shapes, or hold what is no number
    """
    if layers and layers[0][0].shape == ALEXNET:
        raise DataError(
            f"{path}: torchvision's AlexNet. It is another net than Caffe's: 64 filters in its first layer and not 96, "
            "no groups, no normalisation. No layer of CaffeNet or of FCN-AlexNet can take its weights."
        )
    mine, theirs = list(net.params), [list(weights.shape) for weights, _ in layers]
    if len(mine) != len(theirs):
        raise DataError(f"{path}: {len(theirs)} layers with weights, {theirs}; expected VGG-16's {len(mine)}")
    for name, (weights, bias) in zip(mine, layers):
        for blob, array in zip(net.params[name], (weights, bias)):
            if blob.shape[0] != array.shape[0] or blob.count != array.size:
                found, expected = list(array.shape), list(blob.shape)
                raise DataError(f"{path}: {found} where {name} has {expected}; expected VGG-16 with 1000 classes")
            if not np.isfinite(array).all():
                hint = "torchvision's IMAGENET1K_FEATURES have convolutions alone"
                raise DataError(f"{path}: the weights of {name} are not all numbers; {hint}: take IMAGENET1K_V1")
            blob.data[...] = array.reshape(blob.data.shape)


def fold(net: caffe.Net, first: str, images: Images, mean_bgr: Sequence[float]) -> None:
    """Make a net's first convolution, which takes R G B as `images` says, take B G R, 0-255, minus a mean."""
    weights, bias = (blob.data.astype(np.float64) for blob in net.params[first])
    std, mean = np.array(images.std), np.array(images.mean)
    shift = (np.array(mean_bgr)[::-1] / images.divisor - mean) / std
    bias += np.einsum("oihw,i->o", weights, shift)
    weights /= images.divisor * std[:, np.newaxis, np.newaxis]
    net.params[first][0].data[...] = weights[:, ::-1]
    net.params[first][1].data[...] = bias
