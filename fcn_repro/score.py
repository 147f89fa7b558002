"""Scores a net over its split: a forward per image, a histogram per head."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

import numpy as np

from fcn_repro import metrics
from fcn_repro.datasets.base import data_layer
from fcn_repro.engine import caffe
from fcn_repro.heads import Head
from fcn_repro.palette import save_label
from fcn_repro.prediction import label_map
from fcn_repro.progress import Progress


@dataclass(frozen=True)
class Score:
    """What one head of a net achieved on a split."""

    hist: np.ndarray  # (C, C) pixels by truth and prediction
    loss: float  # mean over the images

    def __getitem__(self, metric: str) -> float:
        return metrics.METRICS[metric](self.hist)


def seg_tests(
    net: caffe.Net, heads: Sequence[Head], images: int | None = None, pictures: Path | None = None
) -> dict[str, Score]:
    """Score every head over the split that the net's data layer serves, each image at its own size.

    Parameters
        images     how many, from the split's first on; None: all of them
        pictures   a folder for the predicted label maps, a PNG per image (and head, if there are two)
    Returns   scores by name of the score blob. The data layer is left where it was.
    Source    reference 1305c73, score.py
    """
    layer = data_layer(net)
    position = layer.position()
    layer.seek({**position, "next": 0})
    images = len(layer.items) if images is None else images
    hists = {head: np.zeros((head.classes(net),) * 2, np.int64) for head in heads}
    losses = dict.fromkeys(heads, 0.0)
    with Progress(images, "scoring") as progress:
        for _ in range(images):
            item = layer.items[layer.index]
            net.forward()
            for head in heads:
                prediction = label_map(net.blobs[head.score].data)
                truth = net.blobs[head.label].data.reshape(prediction.shape)
                hists[head] += metrics.histogram(truth, prediction, len(hists[head]))
                losses[head] += head.loss_of(net) / images
                if pictures:
                    save_label(pictures / (head.score if len(heads) > 1 else "") / f"{item}.png", prediction[0])
            progress.advance()
    layer.seek(position)
    return {head.score: Score(hists[head], losses[head]) for head in heads}
