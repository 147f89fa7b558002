"""Labels one image with a deploy net, at the image's own size and with the reference's preprocessing."""

from __future__ import annotations

from typing import Sequence

import numpy as np
from PIL import Image

from fcn_repro.datasets.base import to_blob
from fcn_repro.engine import caffe


def infer(net: caffe.Net, image: Image.Image, mean_bgr: Sequence[float]) -> np.ndarray:
    """The most probable class of every pixel: (H, W) integers.

    `net` reads `data` and writes `score`, and is reshaped to the image. The softmax is left out: it changes no maximum.

    Source   reference 1305c73, infer.py
    """
    data = to_blob(np.asarray(image.convert("RGB")), mean_bgr)
    net.blobs["data"].reshape(1, *data.shape)
    net.blobs["data"].data[...] = data
    net.forward()
    return net.blobs["score"].data[0].argmax(0)
