"""Scores a net over its split, and keeps the result as JSON with all that is needed to repeat it."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Sequence

import numpy as np

from fcn_repro import engine, metrics
from fcn_repro.atomic import replacing
from fcn_repro.engine import caffe
from fcn_repro.heads import Head
from fcn_repro.palette import save_label
from fcn_repro.progress import Progress

METRICS = {
    "pixel_accuracy": metrics.pixel_accuracy,
    "mean_accuracy": metrics.mean_accuracy,
    "mean_iu": metrics.mean_iu,
    "fw_iu": metrics.fw_iu,
}


@dataclass(frozen=True)
class Score:
    """What one head of a net achieved on a split."""

    hist: np.ndarray  # (C, C) pixels by truth and prediction
    loss: float  # mean over the images

    def __getitem__(self, metric: str) -> float:
        return METRICS[metric](self.hist)

    def to_json(self, class_names: Sequence[str] | None) -> dict:
        """Fractions from 0 to 1, null where undefined; `mean_iu_reference` is explained in `fcn_repro.metrics`."""
        names = class_names or [str(i) for i in range(len(self.hist))]
        accuracy, iu = metrics.class_accuracy(self.hist), metrics.class_iu(self.hist)
        return {
            **{metric: _number(self[metric]) for metric in METRICS},
            "mean_iu_reference": _number(metrics.mean_iu_reference(self.hist)),
            "loss": _number(self.loss),
            "classes": [
                {"name": name, "accuracy": _number(accuracy[i]), "iu": _number(iu[i])} for i, name in enumerate(names)
            ],
            "histogram": self.hist.tolist(),
        }


def seg_tests(
    net: caffe.Net, heads: Sequence[Head], images: int | None = None, pictures: Path | None = None
) -> dict[str, Score]:
    """Score every head over the split that the net's data layer serves: a forward per image, at its own size.

    Parameters
        images     how many, from the split's first on; None: all of them
        pictures   a folder for the predicted label maps, a PNG per image (and head, if there are two)
    Returns   scores by name of the score blob. The data layer is left where it was.
    Source    reference 1305c73, score.py
    """
    layer = net.layers[0]
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
                prediction = net.blobs[head.score].data.argmax(1)
                truth = net.blobs[head.label].data.reshape(prediction.shape)
                hists[head] += metrics.histogram(truth, prediction, len(hists[head]))
                losses[head] += head.loss_of(net) / images
                if pictures:
                    save_label(pictures / (head.score if len(heads) > 1 else "") / f"{item}.png", prediction[0])
            progress.advance()
    layer.seek(position)
    return {head.score: Score(hists[head], losses[head]) for head in heads}


def write_score(
    path: Path, facts: Mapping[str, object], scores: Mapping[str, Score], class_names: Mapping[str, Sequence[str]]
) -> None:
    """Write a score as JSON: `facts` about the run, then this engine and checkout, then a score per head."""
    report = {
        **facts,
        "engine": engine.name,
        "commit": commit(),
        "scores": {head: score.to_json(class_names.get(head)) for head, score in scores.items()},
    }
    with replacing(path) as file:
        json.dump(report, file, indent=1)


def read_score(path: Path) -> dict:
    """What `write_score` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def headline(report: Mapping[str, dict]) -> dict:
    """The score of the first head of a report; nets have one, but for SIFT Flow's, whose second is geometry."""
    return next(iter(report["scores"].values()))


def sha256(path: Path) -> str:
    """The digest of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def commit() -> str | None:
    """The git commit of this checkout, with "+" if files differ from it; None outside a repository."""
    here = str(Path(__file__).parent)
    try:
        describe = ["git", "-C", here, "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+"]
        return subprocess.run(
            describe, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return float(value) if math.isfinite(value) else None
