"""Convert weights that were trained with other preprocessing of images than Caffe's.

Torchvision's nets read R G B, divided by 255, minus a mean, divided by a standard deviation; Caffe's B G R, 0-255,
minus another mean. Both are linear, so the first convolution absorbs the difference. For a pixel p, weights w, bias b:

    w (p / 255 - mean) / std + b  =  (w / (255 std)) (p - mean_bgr) + (w (mean_bgr / 255 - mean) / std + b)

Inside the image the results are equal. Within a pixel of its edge they differ slightly, because the padding's zeros
stand for the two means, which are some thousandths of the range apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy as np


@dataclass(frozen=True)
class Preprocessing:
    """The input that a net was trained with: R G B, divided by `divisor`, minus `mean`, divided by `std`."""

    divisor: float
    mean: Sequence[float]
    std: Sequence[float]


TORCHVISION = Preprocessing(255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def fold_preprocessing(
    weights: np.ndarray, bias: np.ndarray, images: Preprocessing, mean_bgr: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return a first convolution's (O, 3, kH, kW) weights and (O,) bias for B G R, 0-255, minus `mean_bgr`."""
    weights, bias = weights.astype(np.float64), bias.astype(np.float64)
    std, mean = np.array(images.std), np.array(images.mean)
    shift = (np.array(mean_bgr)[::-1] / images.divisor - mean) / std
    bias = bias + np.einsum("oihw,i->o", weights, shift)
    weights = weights / (images.divisor * std[:, np.newaxis, np.newaxis])
    return weights[:, ::-1].astype(np.float32), bias.astype(np.float32)
