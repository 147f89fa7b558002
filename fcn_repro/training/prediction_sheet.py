"""A figure of the first images of a split, beside their truth and predictions."""

from __future__ import annotations

import numpy as np
from PIL import Image

from fcn_repro.datasets.data_layer import find_data_layer
from fcn_repro.drawing.image_sheet import make_sheet
from fcn_repro.drawing.palette import make_label_image, overlay_labels
from fcn_repro.engine import caffe
from fcn_repro.model.class_map import argmax_classes
from fcn_repro.model.loss_heads import Head

IMAGES = 4


def draw_examples(net: caffe.Net, head: Head, images: int = IMAGES) -> Image.Image | None:
    """Draw one row per image: the image, its truth, and the prediction over the image.

    Returns   None for a classifier. The data layer keeps its position.
    """
    layer = find_data_layer(net)
    position = layer.position()
    layer.seek({**position, "next": 0})
    rows = []
    for _ in range(min(images, len(layer.items))):
        number = layer.index
        net.forward()
        score = net.blobs[head.score].data
        image = restore_image(layer.input_image(number, net.blobs), layer.facts.mean_bgr)
        if score.ndim != 4 or score.shape[2:] != image.size[::-1]:
            break
        truth_hw = net.blobs[head.label].data[0].reshape(score.shape[2:])
        rows.append([image, make_label_image(truth_hw), overlay_labels(image, argmax_classes(score)[0])])
    layer.seek(position)
    return make_sheet(["image", "truth", "prediction"], rows) if rows else None


def restore_image(data: np.ndarray, mean_bgr: tuple[float, float, float]) -> Image.Image:
    """A net's input (C, H, W) with the mean added again; of more than three channels, the first three."""
    image_bgr = np.round(data[:3] + np.array(mean_bgr)[:, None, None]).clip(0, 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(image_bgr[::-1].transpose(1, 2, 0)))
