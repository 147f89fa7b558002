"""Labels images with deploy nets, each at its own size and with the reference's preprocessing."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Sequence

import numpy as np
from PIL import Image

from fcn_repro.datasets.base import to_blob
from fcn_repro.engine import caffe
from fcn_repro.folder import RunFolder
from fcn_repro.pictures import sheet
from fcn_repro.prediction import label_map
from fcn_repro.surgery import load


def infer(net: caffe.Net, image: Image.Image, mean_bgr: Sequence[float]) -> np.ndarray:
    """The most probable class of every pixel: (H, W) integers.

    `net` reads `data` and writes `score`, and is reshaped to the image. The softmax is left out: it changes no maximum.

    Source   reference 1305c73, infer.py
    """
    data = to_blob(np.asarray(image.convert("RGB")), mean_bgr)
    net.blobs["data"].reshape(1, *data.shape)
    net.blobs["data"].data[...] = data
    net.forward()
    return label_map(net.blobs["score"].data)[0]


def stage_sheet(
    folders: Sequence[RunFolder],
    files: Sequence[tuple[Path, Path]],
    mean_bgr: Sequence[float],
    paint: Callable[[Image.Image, np.ndarray], Image.Image],
) -> Image.Image:
    """Photographs, their label maps, and what the final weights of each run make of them, a photograph a row.

    Parameters
        files   of each photograph and its label map
        paint   a photograph and the (H, W) classes that a run gives it, as a picture
    """
    rows: list[list[Image.Image]] = [[Image.open(str(path)) for path in pair] for pair in files]
    for folder in folders:
        net = load(folder.deploy, folder.final)
        for row in rows:
            row.append(paint(row[0], infer(net, row[0], mean_bgr)))
    return sheet(["photograph", "label map", *(folder.experiment for folder in folders)], rows)
