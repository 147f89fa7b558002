"""Convert VGG-16's weights from elsewhere to Caffe's preprocessing.

Torchvision's nets read R G B, divided by 255, minus a mean, divided by a standard deviation; Caffe's B G R, 0-255,
minus another mean. Both are linear, so the first convolution absorbs the difference. For a pixel p, weights w, bias b:

    w (p / 255 - mean) / std + b  =  (w / (255 std)) (p - mean_bgr) + (w (mean_bgr / 255 - mean) / std + b)

Inside the image the results are equal. Within a pixel of its edge they differ slightly, because the padding's zeros
stand for the two means, which are some thousandths of the range apart.
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
class Preprocessing:
    """The input that a net was trained with: R G B, divided by `divisor`, minus `mean`, divided by `std`."""

    divisor: float
    mean: Sequence[float]
    std: Sequence[float]


TORCHVISION = Preprocessing(255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def read_layers(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read the weights and biases of a file's layers, in order: of an ONNX file (*.onnx) or of a state_dict.

    Raises   DataError for a damaged file, and for batch normalisation, which the paper's VGG-16 lacks
    """
    if path.suffix == ".onnx":
        return onnx_files.read_layers(path)
    from fcn_repro.model.exchange import torch_files

    arrays = torch_files.read_state_dict(path)
    if any(name.endswith("running_mean") for name in arrays):
        raise DataError(f"{path}: has batch normalisation (vgg16_bn?), which the paper's VGG-16 lacks. Fix: use vgg16")
    return [
        (array, arrays.get(f"{name[: -len('weight')]}bias", np.zeros(len(array), np.float32)))
        for name, array in arrays.items()
        if name.endswith("weight")
    ]


def set_weights(net: caffe.Net, path: Path, layers: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
    """Copy the weights of `layers`, read from `path`, into a net, in order and in memory order.

    Raises   DataError for another number of layers, other shapes, NaN and infinity
    """
    if layers and layers[0][0].shape == ALEXNET:
        raise DataError(
            f"{path}: torchvision's AlexNet is another net than Caffe's: 64 filters in its first layer instead of 96, "
            "no groups, no normalisation. Its weights fit no layer of CaffeNet or FCN-AlexNet."
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
                hint = "torchvision's IMAGENET1K_FEATURES hold only convolutions. Fix: use IMAGENET1K_V1"
                raise DataError(f"{path}: the weights of {name} hold NaN or infinity; {hint}")
            blob.data[...] = array.reshape(blob.data.shape)


def fold_preprocessing(net: caffe.Net, first: str, images: Preprocessing, mean_bgr: Sequence[float]) -> None:
    """Change the first convolution from the preprocessing `images` to B G R, 0-255, minus `mean_bgr`."""
    weights, bias = (blob.data.astype(np.float64) for blob in net.params[first])
    std, mean = np.array(images.std), np.array(images.mean)
    shift = (np.array(mean_bgr)[::-1] / images.divisor - mean) / std
    bias += np.einsum("oihw,i->o", weights, shift)
    weights /= images.divisor * std[:, np.newaxis, np.newaxis]
    net.params[first][0].data[...] = weights[:, ::-1]
    net.params[first][1].data[...] = bias
