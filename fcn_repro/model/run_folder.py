"""The files of a run: the one place that names what lies under build/<experiment>/."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from fcn_repro.paths import BUILD

CLASSIFIER_NETS = BUILD / "ilsvrc"  # prototxts of classifiers, except those that runs here train
ENDINGS = (".caffemodel", ".solverstate", ".run.json", ".score.json")


@dataclass(frozen=True)
class Snapshot:
    """The files that Caffe and `fcn_repro.training` write at one iteration."""

    iteration: int
    weights: Path  # Caffe's: the net
    history: Path  # Caffe's: iteration and momentum
    resume: Path  # ours: place in the data and generator states; written last, it marks a complete snapshot
    score: Path  # ours: the score of these weights


@dataclass(frozen=True)
class RunFolder:
    """build/<experiment>/: prototxts, snapshots, log, score and final weights."""

    experiment: str
    build: Path = BUILD

    @property
    def path(self) -> Path:
        """The folder itself."""
        return self.build / self.experiment

    @property
    def train(self) -> Path:
        """The net for training."""
        return self.path / "train.prototxt"

    @property
    def val(self) -> Path:
        """The net for evaluation."""
        return self.path / "val.prototxt"

    @property
    def deploy(self) -> Path:
        """The net that labels one image: an Input layer, no loss."""
        return self.path / "deploy.prototxt"

    @property
    def trunk(self) -> Path:
        """The fixed layers of `deploy`, if `train` and `val` read their outputs: `fcn_repro.model.fixed_trunk`."""
        return self.path / "trunk.prototxt"

    @property
    def metadata(self) -> Path:
        """Inputs, mean pixel and classes of `deploy`: `fcn_repro.model.deploy_metadata`."""
        return self.path / "deploy.json"

    @property
    def solver(self) -> Path:
        """The solver's parameters; they name `train` and `val`."""
        return self.path / "solver.prototxt"

    @property
    def snapshot_prefix(self) -> Path:
        """What Caffe puts before `_iter_N.caffemodel`."""
        return self.path / "snapshot" / "train"

    @property
    def log(self) -> Path:
        """The learning curve: a row per interval of iterations and per score."""
        return self.path / "log.csv"

    @property
    def score(self) -> Path:
        """The score of `final`, with everything needed to repeat it."""
        return self.path / "score.json"

    @property
    def lock(self) -> Path:
        """The lock file of the process that trains here."""
        return self.path / ".lock"

    def score_of(self, name: str) -> Path:
        """Return the path of the score of other weights, called `name`."""
        return self.path / f"{name}.score.json"

    @property
    def final(self) -> Path:
        """The weights that the run exports; the next stage starts from them."""
        return self.path / "final.caffemodel"

    @property
    def tensorboard(self) -> Path:
        """TensorBoard's event files, if requested."""
        return self.path / "tensorboard"

    @property
    def examples(self) -> Path:
        """Predictions of the best weights so far on the first images of the evaluated split."""
        return self.images / "examples.png"

    @property
    def images(self) -> Path:
        """The folder of label maps and overlays."""
        return self.path / "pictures"

    def snapshot(self, iteration: int) -> Snapshot:
        """Return the file names of one iteration, whether or not they exist."""
        stem = self.snapshot_prefix.parent / f"{self.snapshot_prefix.name}_iter_{iteration}"
        files = [stem.with_name(stem.name + ending) for ending in ENDINGS]
        return Snapshot(iteration, *files)

    def snapshots(self) -> list[Snapshot]:
        """Return every iteration with any file, complete or not, oldest first."""
        pattern = re.compile(re.escape(self.snapshot_prefix.name) + r"_iter_(\d+)\.")
        names = (pattern.match(file.name) for file in self.snapshot_prefix.parent.glob("*"))
        return [self.snapshot(iteration) for iteration in sorted({int(name.group(1)) for name in names if name})]


def classifier_weights(name: str, build: Path = BUILD) -> Path:
    """Return the path of a convolutionalised classifier's weights, such as `vgg16-fcn`; runs start from them."""
    return build / f"{name}.caffemodel"


def prototxt_of(weights: Path) -> Path:
    """Return the prototxt of a file of weights: that of a run, or of a convolutionalised classifier."""
    is_run = weights.name == RunFolder("").final.name
    return RunFolder("" if is_run else weights.stem, weights.parent if is_run else CLASSIFIER_NETS).deploy
