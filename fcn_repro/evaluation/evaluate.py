"""Score a net over its split: one forward pass per image, one histogram per head.

Several ranks share the images. Their counts are integers, so the sums equal those of a single process.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping, Sequence

import numpy as np

from fcn_repro import ranks
from fcn_repro.datasets.data_layer import SegDataLayer, find_data_layer
from fcn_repro.drawing.palette import save_label
from fcn_repro.engine import caffe
from fcn_repro.evaluation import metrics
from fcn_repro.evaluation.class_subsets import Subset, predict_within, select_truth
from fcn_repro.model.class_map import argmax_classes
from fcn_repro.model.loss_heads import Head
from fcn_repro.system.progress import Progress


@dataclass(frozen=True)
class Score:
    """The score of one head of a net on a split."""

    hist: np.ndarray  # (C, C) pixels by truth and prediction
    loss: float  # mean over the images
    void: int = 0  # pixels without a class, which no histogram counts
    subsets: Mapping[str, Subset] = field(default_factory=dict)  # tasks of fewer classes, by name

    def __getitem__(self, metric: str) -> float:
        return metrics.METRICS[metric](self.hist)


def score_net(
    net: caffe.Net, heads: Sequence[Head], images: int | None = None, pictures: Path | None = None
) -> dict[str, Score]:
    """Score every head over the split of the net's data layer, each image at its own size.

    Parameters
        images     the number of images from the start of the split; None: all
        pictures   a folder for the predicted label maps, a PNG per image (and head, if there are two)
    Returns   scores by name of the score blob, the same in every rank. The data layer keeps its position.
    Source    reference 1305c73, score.py, seg_tests
    """
    layer = find_data_layer(net)
    position = ranks.broadcast_from_root(layer.position)
    layer.seek({**position, "next": 0})
    images = len(layer.items) if images is None else images
    tallies = {head: _Tally(head, head.classes(net), layer) for head in heads}
    with Progress(images, "scoring", quiet=not ranks.is_root()) as progress:
        for index in range(caffe.solver_rank(), images, ranks.count()):
            item = layer.items[layer.index]
            net.forward()
            for head, tally in tallies.items():
                prediction = tally.add(net)
                if pictures:
                    save_label(pictures / (head.score if len(heads) > 1 else "") / f"{item}.png", prediction[0])
            progress.advance(min(ranks.count(), images - index))
    layer.seek(position)
    return {head.score: tally.merge_ranks(images) for head, tally in tallies.items()}


class _Tally:
    """The counts of one head so far."""

    def __init__(self, head: Head, classes: int, layer: SegDataLayer) -> None:
        self._head = head
        self._hist = np.zeros((classes, classes), np.int64)
        self._loss, self._void = 0.0, 0
        # A data set's subsets are of its classes; a second head, such as SIFT Flow's geometry, has other classes.
        subsets = layer.facts.subsets if classes == len(layer.facts.class_names) else {}
        self._subsets = {name: Subset(of, np.zeros_like(self._hist)) for name, of in subsets.items()}

    def add(self, net: caffe.Net) -> np.ndarray:
        """Count the images of the last forward pass; return their predicted classes, (N, H, W)."""
        score = net.blobs[self._head.score].data
        prediction = argmax_classes(score)
        truth = net.blobs[self._head.label].data.reshape(prediction.shape)
        hist = metrics.histogram(truth, prediction, len(self._hist))
        self._hist += hist
        self._void += truth.size - int(hist.sum())
        self._loss += self._head.loss_of(net)
        for subset in self._subsets.values():
            within = metrics.histogram(truth, predict_within(score, subset.classes), len(self._hist))
            subset.hist[...] += select_truth(within, subset.classes)
        return prediction

    def merge_ranks(self, images: int) -> Score:
        """The score over this number of images, with the counts of all ranks."""
        by_subset = {name: subset.hist.tolist() for name, subset in self._subsets.items()}
        gathered = ranks.all_gather([self._hist.tolist(), self._loss, self._void, by_subset])
        hists, losses, voids, subset_hists = zip(*gathered)
        subsets = {
            name: Subset(subset.classes, np.sum([each[name] for each in subset_hists], axis=0))
            for name, subset in self._subsets.items()
        }
        return Score(np.sum(hists, axis=0), sum(losses) / images, sum(voids), subsets)
