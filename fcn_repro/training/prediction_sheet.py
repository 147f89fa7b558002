"""The first images of a split as a net sees, should label and does label them."""

from __future__ import annotations

import numpy as np
from PIL import Image

from fcn_repro.datasets.base import data_layer
from fcn_repro.drawing.image_sheet import sheet
from fcn_repro.drawing.palette import label_image, overlay
from fcn_repro.engine import caffe
from fcn_repro.model.class_map import label_map
from fcn_repro.model.loss_heads import Head

SHOWN = 4  # images


def examples(net: caffe.Net, head: Head, images: int = SHOWN) -> Image.Image | None:
    """A sheet with a row per image: the photograph, its truth, and the prediction over the photograph.

    Returns   None where scores are not of pixels, as a classifier's. The data layer is left where it was.
    """
    layer = data_layer(net)
    position = layer.position()
    layer.seek({**position, "next": 0})
    rows = []
    for _ in range(min(images, len(layer.items))):
        net.forward()
        score, photograph = net.blobs[head.score].data, _photograph(net, layer.facts.mean_bgr)
        if score.ndim != 4 or score.shape[2:] != photograph.size[::-1]:
            break
        truth_hw = net.blobs[head.label].data[0].reshape(score.shape[2:])
        rows.append([photograph, label_image(truth_hw), overlay(photograph, label_map(score)[0])])
    layer.seek(position)
    return sheet(["photograph", "truth", "prediction"], rows) if rows else None


def _photograph(net: caffe.Net, mean_bgr: tuple[float, float, float]) -> Image.Image:
    """What the data layer gave the net, its mean added again; of more than three channels the first three."""
    data = net.blobs[next(iter(net.blobs))].data[0, :3]
    image_bgr = np.round(data + np.array(mean_bgr)[:, None, None]).clip(0, 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(image_bgr[::-1].transpose(1, 2, 0)))
