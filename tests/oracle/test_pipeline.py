"""The mini experiment's stages on either engine, by the commands that make runs, with weights passed between them."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
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
from tests.fixtures.pycaffe_scripts import ROOT, Interpreter
from tests.fixtures.random_weights import write_classifier
from tests.oracle.comparison import Record
from tests.oracle.oracle import Arrays

STAGES = ("mini-fcn32s", "mini-fcn16s", "mini-fcn8s")
CLASSIFIER = "mini-vgg16-fcn"
ITERATIONS = 10
IMAGES = {"train": 40, "val": 6}
RESULT_LIMIT, WEIGHT_LIMIT = 1e-3, 5e-2  # three stages; gradients of new biases are sums that nearly cancel
RELAYS = {
    "all on Caffe": ("bvlc", "bvlc", "bvlc"),
    "ours, Caffe, ours": ("torch", "bvlc", "torch"),
    "Caffe, ours, Caffe": ("bvlc", "torch", "bvlc"),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository as links, with the first images of the mini data set and a classifier's weights."""
    folder = tmp_path_factory.mktemp("relay")
    for name in ("fcn_repro", "nets", "solvers", "tools", "data"):
        (folder / name).symlink_to(ROOT / name)
    mini.prepare()
    val_list = mini.VOC / "ImageSets" / "Segmentation" / "val.txt"
    lists = {"train": (mini.SBD / "train.txt", sbd_files, mini.SBD), "val": (val_list, voc_files, mini.VOC)}
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
        write_classifier(CLASSIFIER, contrast=1 / 60)  # for losses of a size that trains
    finally:
        os.chdir(before)
    return folder


@pytest.fixture(scope="module")
def relays(root: Path, theirs: Interpreter) -> dict[str, list[RunFolder]]:
    """The run folders of every relay, stage by stage."""
    engines = {
        "torch": Interpreter((sys.executable,), {"ENGINE": "torch"}),
        "bvlc": Interpreter(theirs.command, {**theirs.environment, "ENGINE": "bvlc", "PYTHONPATH": "."}),
    }
    return {name: [*run_relay(root, name, [engines[each] for each in names])] for name, names in RELAYS.items()}


def run_relay(root: Path, name: str, engines: list[Interpreter]) -> Iterator[RunFolder]:
    """Train each stage with its engine, and keep the run folders in a folder of the relay."""
    for stage, engine in zip(STAGES, engines, strict=True):
        engine.check(root, "-m", "tools.emit", stage)
        engine.check(root, "-m", "tools.solve", stage, "--iterations", str(ITERATIONS), "--gpu", "-1")
    kept = root / name.replace(" ", "-")
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
    """The final weights of a relay."""
    layers = caffemodel.read(runs[-1].final)
    return {f"{layer.name}/{i}": np.array(blob.data) for layer in layers for i, blob in enumerate(layer.blobs)}


@pytest.mark.parametrize("name", [name for name in RELAYS if name != "all on Caffe"])
def test_stages_pass_weights_between_engines(name: str, relays: dict[str, list[RunFolder]], record: Record):
    for what, of, limit in (("losses and scores", results, RESULT_LIMIT), ("final weights", weights, WEIGHT_LIMIT)):
        subject = f"mini in three stages on {name}: {what}"
        record.check("Pipeline", subject, of(relays[name]), of(relays["all on Caffe"]), limit)


def test_both_engines_emit_the_same_prototxts_and_read_the_same_images(relays: dict[str, list[RunFolder]]):
    for name in RELAYS:
        for run, reference in zip(relays[name], relays["all on Caffe"], strict=True):
            for phase in ("train", "val", "deploy", "solver"):
                assert getattr(run, phase).read_text() == getattr(reference, phase).read_text()
            notes = [json.loads(each.snapshots()[-1].resume.read_text()) for each in (run, reference)]
            assert notes[0]["state"]["data"] == notes[1]["state"]["data"]


def test_reports_name_the_engine(relays: dict[str, list[RunFolder]]):
    engines = [read_report(run.score)["engine"] for run in relays["ours, Caffe, ours"]]
    assert engines == ["torch", "bvlc", "torch"]
