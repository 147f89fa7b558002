"""The mini experiment's stages on either engine, by the commands that make runs, weights handed on between them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fcn_repro.caffe.proto import caffemodel
from fcn_repro.datasets.file_readers import read_list
from fcn_repro.datasets.mini import mini
from fcn_repro.datasets.voc import sbd_files, voc_files
from fcn_repro.evaluation.score_report import headline, read_report
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.training import train_log
from tests.fixtures.random_weights import write_classifier
from tests.oracle.comparison import Record
from tests.oracle.oracle import Arrays
from tools import real_caffe

STAGES = ("mini-fcn32s", "mini-fcn16s", "mini-fcn8s")
CLASSIFIER = "mini-vgg16-fcn"
ITERATIONS = 10
IMAGES = {"train": 40, "val": 6}
RESULT_LIMIT, WEIGHT_LIMIT = 1e-3, 5e-2  # three stages; young biases are sums of gradients that nearly cancel
RELAYS = {
    "all on Caffe": ("bvlc", "bvlc", "bvlc"),
    "ours, Caffe, ours": ("torch", "bvlc", "torch"),
    "Caffe, ours, Caffe": ("bvlc", "torch", "bvlc"),
}


@dataclass(frozen=True)
class Interpreter:
    """A Python, and what it is told in its environment."""

    python: str
    environment: Mapping[str, str]

    def run(self, folder: Path, module: str, *arguments: str) -> None:
        """Run one of the programs in a folder that looks like the repository's root."""
        done = subprocess.run(
            [self.python, "-m", module, *arguments], cwd=folder, capture_output=True, text=True, check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **self.environment},
        )  # fmt: skip
        assert done.returncode == 0, f"{module} {' '.join(arguments)}: {done.stderr}"


@pytest.fixture(scope="module")
def engines() -> dict[str, Interpreter]:
    try:
        real = real_caffe.interpreter()
    except real_caffe.NoCaffe as reason:
        pytest.skip(str(reason))
    return {
        "torch": Interpreter(sys.executable, {"ENGINE": "torch"}),
        "bvlc": Interpreter(real, {**real_caffe.ENVIRONMENT, "ENGINE": "bvlc", "PYTHONPATH": "."}),
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository as links, with the first images of the mini data set and a classifier's weights."""
    folder = tmp_path_factory.mktemp("relay")
    for name in ("fcn_repro", "nets", "solvers", "tools", "data"):
        (folder / name).symlink_to(real_caffe.ROOT / name)
    mini.prepare()
    lists = {"train": (mini.SBD / "train.txt", sbd_files, mini.SBD), "val": (_val_list(), voc_files, mini.VOC)}
    for split, (list_file, files, source) in lists.items():
        items = read_list(list_file)[: IMAGES[split]]
        for path in (file for item in items for file in files(source, item)):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / path)
        (folder / list_file).parent.mkdir(parents=True, exist_ok=True)
        (folder / list_file).write_text("".join(f"{item}\n" for item in items))
    before = Path.cwd()
    os.chdir(folder)
    try:
        write_classifier(CLASSIFIER, contrast=1 / 60)  # so that the losses are of a size to learn from
    finally:
        os.chdir(before)
    return folder


def _val_list() -> Path:
    return mini.VOC / "ImageSets" / "Segmentation" / "val.txt"


@pytest.fixture(scope="module")
def relays(root: Path, engines: dict[str, Interpreter]) -> dict[str, list[RunFolder]]:
    """What every relay left behind, stage by stage."""
    return {name: [*_run(root, name, runners, engines)] for name, runners in RELAYS.items()}


def _run(root: Path, name: str, runners: tuple[str, ...], engines: dict[str, Interpreter]):
    kept = root / name.replace(" ", "-")
    for stage, runner in zip(STAGES, runners, strict=True):
        engines[runner].run(root, "tools.emit", stage)
        engines[runner].run(root, "tools.solve", stage, "--iterations", str(ITERATIONS), "--gpu", "-1")
    for stage in STAGES:
        shutil.move(root / "build" / stage, kept / stage)
        yield RunFolder(stage, kept)


def results(runs: list[RunFolder]) -> Arrays:
    """Losses and scores of a relay."""
    arrays = {}
    for run in runs:
        losses = [float(row["loss"]) for row in train_log.read(run.log) if row["loss"]]
        arrays[f"{run.experiment} loss"] = np.array(losses)
        arrays[f"{run.experiment} mean IU"] = np.array(headline(read_report(run.score))["mean_iu"])
    return arrays


def weights(runs: list[RunFolder]) -> Arrays:
    """What a relay hands on in the end."""
    layers = caffemodel.read(runs[-1].final)
    return {f"{layer.name}/{i}": np.array(blob.data) for layer in layers for i, blob in enumerate(layer.blobs)}


@pytest.mark.parametrize("name", [name for name in RELAYS if name != "all on Caffe"])
def test_stages_hand_on_weights_from_engine_to_engine(name: str, relays: dict[str, list[RunFolder]], record: Record):
    for what, of, limit in (("losses and scores", results, RESULT_LIMIT), ("last weights", weights, WEIGHT_LIMIT)):
        subject = f"mini in three stages on {name}: {what}"
        record.check("Pipeline", subject, of(relays[name]), of(relays["all on Caffe"]), limit)


def test_both_engines_emit_the_same_prototxts_and_serve_the_same_images(relays: dict[str, list[RunFolder]]):
    for name in RELAYS:
        for run, reference in zip(relays[name], relays["all on Caffe"], strict=True):
            for phase in ("train", "val", "deploy", "solver"):
                assert getattr(run, phase).read_text() == getattr(reference, phase).read_text()
            positions = [
                json.loads(each.snapshots()[-1].resume.read_text())["state"]["data"] for each in (run, reference)
            ]
            assert positions[0] == positions[1]


def test_reports_say_which_engine_it_was(relays: dict[str, list[RunFolder]]):
    engines = [read_report(run.score)["engine"] for run in relays["ours, Caffe, ours"]]
    assert engines == ["torch", "bvlc", "torch"]
