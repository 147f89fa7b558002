"""Every data set's runs from prototxts to score, at an eighth of their width, on stand-in trees."""

import argparse
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fcn_repro.datasets.nyud import NYUD_DIR, nyud_files
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.evaluation.score_report import read_report, sha256
from fcn_repro.model.run_folder import CLASSIFIER_NETS, RunFolder, classifier_weights
from fcn_repro.training import train_log
from solvers.emit import emit_experiment
from solvers.experiments import EXPERIMENTS, Regime
from tests.fixtures import stand_in_trees
from tests.fixtures.random_weights import write_classifier
from tools import score, solve, validate_data

FAST = Regime(momentum=0.9, iter_size=1, normalize=True)  # to see a few steps make a difference
RATE = 2e-5  # random weights let pixels of 0-255 through as they are
STEPS = 2


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Train a run of the table, narrow and short, on its stand-in tree; its report."""
    monkeypatch.chdir(tmp_path)
    write_classifier("mini-vgg16-fcn")
    classifier_weights("mini-vgg16-fcn").rename(classifier_weights("vgg16-fcn"))
    (CLASSIFIER_NETS / "mini-vgg16-fcn").rename(CLASSIFIER_NETS / "vgg16-fcn")

    def run(name: str, steps: int = STEPS) -> dict:
        row = EXPERIMENTS[name]
        narrow = replace(row, net=row.net.replace("vgg16-", "vgg16-mini-"), seed=1)
        short = replace(narrow, regime=FAST, base_lr=RATE, iterations=(1, steps))
        for tool in (solve, score):
            monkeypatch.setattr(tool, "EXPERIMENTS", {name: short})
        emit_experiment(short)
        solve.main(argparse.Namespace(experiment=name, iterations=None, gpu=-1, tensorboard=False))
        report = read_report(RunFolder(name).score)
        score.main(argparse.Namespace(experiment=name, weights=None, images=None, pictures=True, gpu=-1))
        assert read_report(RunFolder(name).score)["scores"] == report["scores"]
        return report

    return run


def test_a_whole_nyud_is_validated_and_every_error_of_depth_and_hha_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    stand_in_trees.nyud()
    validate_data.main(argparse.Namespace(dataset="nyud", split="train", convert=None, draft=None))
    assert capsys.readouterr().out.startswith("train: 2 images, 0 invalid")
    files = [nyud_files(NYUD_DIR, str(item)) for item in (5001, 5002)]
    Image.fromarray(np.zeros((stand_in_trees.HEIGHT, stand_in_trees.WIDTH), np.uint16)).save(files[0]["depth"])
    files[1]["hha"].unlink()
    with pytest.raises(DataError) as refused:
        validate_data.main(argparse.Namespace(dataset="nyud", split="train", convert=None, draft=None))
    assert "img_5001.png: got 1360 pixels of depth 0" in str(refused.value)
    assert "img_5002.png: missing; expected an image. Fix: encode it" in str(refused.value)
    assert capsys.readouterr().out.startswith("train: 2 images, 2 invalid")


def losses(run: str) -> list[float]:
    rows = train_log.read(RunFolder(run).log)
    return [float(row["loss_per_pixel"]) for row in rows if row["loss_per_pixel"]]


def of(run: str, layer: str) -> np.ndarray:
    net = caffe.Net(str(RunFolder(run).deploy), caffe.TEST, weights=str(RunFolder(run).final))
    return net.params[layer][0].data.copy()


def test_colour_and_depth_are_trained_together(train):
    stand_in_trees.nyud()
    report = train("nyud-fcn32s-color-d", steps=10)
    assert (report["split"], report["images"], report["trained"]) == ("test", 2, 10)
    assert report["init"] == [
        {"suffix": "", "file": "build/vgg16-fcn.caffemodel", "sha256": sha256(classifier_weights("vgg16-fcn"))}
    ]
    (cells,) = report["scores"].values()
    assert len(cells["classes"]) == 40 and cells["classes"][2]["name"] == "cabinet"
    assert np.sum(cells["histogram"]) == 2 * stand_in_trees.HEIGHT * (stand_in_trees.WIDTH - 1)  # without void
    assert losses("nyud-fcn32s-color-d")[-1] < np.log(40)
    assert of("nyud-fcn32s-color-d", "conv1_1_bgrd").shape[1] == 4


def test_colour_and_hha_are_fused_from_two_trained_nets(train):
    stand_in_trees.nyud()
    for run in ("nyud-fcn32s-color", "nyud-fcn32s-hha"):
        train(run)
    report = train("nyud-fcn32s-color-hha", steps=1)
    sources = {each: RunFolder(f"nyud-fcn32s-{each}").final for each in ("color", "hha")}
    assert report["init"] == [
        {"suffix": each, "file": str(file), "sha256": sha256(file)} for each, file in sources.items()
    ]
    for suffix in sources:  # a step is small, and what is seen are the weights of the net before
        before, after = of(f"nyud-fcn32s-{suffix}", "fc7"), of("nyud-fcn32s-color-hha", f"fc7{suffix}")
        assert np.abs(after - before).max() < 0.1 * np.abs(before).max()
    assert report["scores"]["score"]["mean_iu"] is not None
    assert train("nyud-fcn16s-color-hha")["scores"]["score"]["pixel_accuracy"] >= 0


def test_both_heads_of_siftflow_are_trained_and_scored_stage_by_stage(train):
    stand_in_trees.siftflow()
    for run, before in (
        ("siftflow-fcn32s", "build/vgg16-fcn.caffemodel"),
        ("siftflow-fcn16s", "build/siftflow-fcn32s/final.caffemodel"),
        ("siftflow-fcn8s", "build/siftflow-fcn16s/final.caffemodel"),
    ):
        report = train(run, steps=6)
        assert [source["file"] for source in report["init"]] == [before]
        semantic, geometric = report["scores"]["score_sem"], report["scores"]["score_geo"]
        assert (len(semantic["classes"]), len(geometric["classes"])) == (33, 3)
        assert semantic["classes"][5]["name"] == "building" and geometric["classes"][1]["name"] == "horizontal"
        pixels = 2 * stand_in_trees.HEIGHT * (stand_in_trees.WIDTH - 1)
        assert np.sum(semantic["histogram"]) == np.sum(geometric["histogram"]) == pixels
        assert (RunFolder(run).images / "final" / "score_geo" / "3.png").is_file()
    assert losses("siftflow-fcn8s")[-1] < np.log(33)


def test_pascal_context_scores_60_classes_and_its_tasks_of_fewer(train):
    stand_in_trees.pascalcontext()
    report = train("pascalcontext-fcn32s", steps=6)
    (cells,) = report["scores"].values()
    assert (report["split"], len(cells["classes"])) == ("val", 60)
    assert np.sum(cells["histogram"]) == 2 * stand_in_trees.HEIGHT * stand_in_trees.WIDTH  # there is no void
    assert losses("pascalcontext-fcn32s")[-1] < np.log(60)
    assert train("pascalcontext-fcn16s")["init"][0]["sha256"] == sha256(RunFolder("pascalcontext-fcn32s").final)
