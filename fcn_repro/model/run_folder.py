"""Where everything of a run lives: the one place that names the files under build/<experiment>/."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from fcn_repro.paths import BUILD

CLASSIFIER_NETS = BUILD / "ilsvrc"  # prototxts of classifiers, but for those that a run here trains
ENDINGS = (".caffemodel", ".solverstate", ".run.json", ".score.json")


@dataclass(frozen=True)
class Snapshot:
    """The files that Caffe and `fcn_repro.training.trainer` write at one iteration."""

    iteration: int
    weights: Path  # Caffe's: the net
    history: Path  # Caffe's: iteration and momentum
    resume: Path  # ours: position in the data and state of the generators; written last, so it seals the snapshot
    score: Path  # ours: what these weights achieve


@dataclass(frozen=True)
class RunFolder:
    """build/<experiment>/: prototxts in, snapshots, log, score and final weights out."""

    experiment: str
    build: Path = BUILD

    @property
    def path(self) -> Path:
        """The folder itself."""
        return self.build / self.experiment

    @property
    def train(self) -> Path:
        """The net that learns."""
        return self.path / "train.prototxt"

    @property
    def val(self) -> Path:
        """The net that is scored."""
        return self.path / "val.prototxt"

    @property
    def deploy(self) -> Path:
        """The net that labels one image: an Input layer, no loss."""
        return self.path / "deploy.prototxt"

    @property
    def facts(self) -> Path:
        """What one must know to use `deploy`: `fcn_repro.model.deploy_metadata`."""
        return self.path / "deploy.json"

    @property
    def solver(self) -> Path:
        """How the net learns; names `train` and `val`."""
        return self.path / "solver.prototxt"

    @property
    def snapshot_prefix(self) -> Path:
        """What Caffe puts before `_iter_N.caffemodel`."""
        return self.path / "snapshot" / "train"

    @property
    def log(self) -> Path:
        """The learning curve: a row per stretch of iterations and per score."""
        return self.path / "log.csv"

    @property
    def score(self) -> Path:
        """The score of `final`, with everything needed to repeat it."""
        return self.path / "score.json"

    @property
    def lock(self) -> Path:
        """Held by the process that trains here."""
        return self.path / ".lock"

    def score_of(self, name: str) -> Path:
        """The score of weights from elsewhere, called `name`."""
        return self.path / f"{name}.score.json"

    @property
    def final(self) -> Path:
        """The weights that the run hands on: the next stage starts from them."""
        return self.path / "final.caffemodel"

    @property
    def tensorboard(self) -> Path:
        """Event files, if they were asked for."""
        return self.path / "tensorboard"

    @property
    def examples(self) -> Path:
        """What the best weights so far make of the first images of the scored split."""
        return self.pictures / "examples.png"

    @property
    def pictures(self) -> Path:
        """Label maps and overlays."""
        return self.path / "pictures"

    def snapshot(self, iteration: int) -> Snapshot:
        """The names of the files of one iteration, whether they exist or not."""
        stem = self.snapshot_prefix.parent / f"{self.snapshot_prefix.name}_iter_{iteration}"
        files = [stem.with_name(stem.name + ending) for ending in ENDINGS]
        return Snapshot(iteration, *files)

    def snapshots(self) -> list[Snapshot]:
        """Every iteration that left any file behind, oldest first; `fcn_repro.training.checkpoint` knows which are complete."""
        pattern = re.compile(re.escape(self.snapshot_prefix.name) + r"_iter_(\d+)\.")
        names = (pattern.match(file.name) for file in self.snapshot_prefix.parent.glob("*"))
        return [self.snapshot(iteration) for iteration in sorted({int(name.group(1)) for name in names if name})]


def converted(name: str, build: Path = BUILD) -> Path:
    """A convolutionalised classifier's weights, such as `vgg16-fcn`, that first stages start from."""
    return build / f"{name}.caffemodel"


def net_of(weights: Path) -> Path:
    """The prototxt of the net that a file of weights was written for: a run's, or a convolutionalised classifier's."""
    run = weights.name == RunFolder("").final.name
    return RunFolder("" if run else weights.stem, weights.parent if run else CLASSIFIER_NETS).deploy
