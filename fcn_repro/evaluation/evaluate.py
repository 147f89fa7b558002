"""Scores a net over its split: a forward per image, a histogram per head.

Several ranks take turns at the images. What they count are whole numbers, so their sums are those of a single process.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping, Sequence

import numpy as np

from fcn_repro import ranks
from fcn_repro.datasets.base import SegDataLayer, data_layer
from fcn_repro.drawing.palette import save_label
from fcn_repro.engine import caffe
from fcn_repro.evaluation import metrics
from fcn_repro.evaluation.class_subsets import Subset, choose, only
from fcn_repro.model.class_map import label_map
from fcn_repro.model.loss_heads import Head
from fcn_repro.system.progress import Progress


@dataclass(frozen=True)
class Score:
    """What one head of a net achieved on a split."""

    hist: np.ndarray  # (C, C) pixels by truth and prediction
    loss: float  # mean over the images
    void: int = 0  # pixels that are of no class, and so in no histogram
    subsets: Mapping[str, Subset] = field(default_factory=dict)  # tasks of fewer classes, by name

    def __getitem__(self, metric: str) -> float:
        return metrics.METRICS[metric](self.hist)


def seg_tests(
    net: caffe.Net, heads: Sequence[Head], images: int | None = None, pictures: Path | None = None
) -> dict[str, Score]:
    """Score every head over the split that the net's data layer serves, each image at its own size.

    Parameters
        images     how many, from the split's first on; None: all of them
        pictures   a folder for the predicted label maps, a PNG per image (and head, if there are two)
    Returns   scores by name of the score blob, the same in every rank. The data layer is left where it was.
    Source    reference 1305c73, score.py
    """
    layer = data_layer(net)
    position = ranks.broadcast_from_root(layer.position)
    layer.seek({**position, "next": 0})
    images = len(layer.items) if images is None else images
    tallies = {head: _Tally(head, head.classes(net), layer) for head in heads}
    with Progress(images, "scoring", quiet=not ranks.is_root()) as progress:
        for place in range(caffe.solver_rank(), images, ranks.count()):
            item = layer.items[layer.index]
            net.forward()
            for head, tally in tallies.items():
                prediction = tally.count(net)
                if pictures:
                    save_label(pictures / (head.score if len(heads) > 1 else "") / f"{item}.png", prediction[0])
            progress.advance(min(ranks.count(), images - place))
    layer.seek(position)
    return {head.score: tally.merged().score(images) for head, tally in tallies.items()}


class _Tally:
    """What one head has achieved so far."""

    def __init__(self, head: Head, classes: int, layer: SegDataLayer) -> None:
        self._head = head
        self._hist = np.zeros((classes, classes), np.int64)
        self._loss, self._void = 0.0, 0
        # A data set's subsets are of its classes; a second head, such as SIFT Flow's geometry, tells others apart.
        subsets = layer.facts.subsets if classes == len(layer.facts.class_names) else {}
        self._subsets = {name: Subset(of, np.zeros_like(self._hist)) for name, of in subsets.items()}

    def count(self, net: caffe.Net) -> np.ndarray:
        """Add the images of the last forward: their predicted classes, (N, H, W)."""
        score = net.blobs[self._head.score].data
        prediction = label_map(score)
        truth = net.blobs[self._head.label].data.reshape(prediction.shape)
        hist = metrics.histogram(truth, prediction, len(self._hist))
        self._hist += hist
        self._void += truth.size - int(hist.sum())
        self._loss += self._head.loss_of(net)
        for subset in self._subsets.values():
            chosen = metrics.histogram(truth, choose(score, subset.classes), len(self._hist))
            subset.hist[...] += only(chosen, subset.classes)
        return prediction

    def merged(self) -> _Tally:
        """This, with what the other ranks have counted added."""
        counted = {name: subset.hist.tolist() for name, subset in self._subsets.items()}
        all_counted = ranks.all_gather([self._hist.tolist(), self._loss, self._void, counted])
        hists, losses, voids, subsets = zip(*all_counted)
        self._hist = np.sum(hists, axis=0)
        self._loss, self._void = sum(losses), sum(voids)
        for name, subset in self._subsets.items():
            subset.hist[...] = np.sum([each[name] for each in subsets], axis=0)
        return self

    def score(self, images: int) -> Score:
        """The score over so many images."""
        return Score(self._hist, self._loss / images, self._void, self._subsets)
