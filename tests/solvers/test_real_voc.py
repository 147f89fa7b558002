"""make real-voc, with narrow nets on four small images."""

import argparse
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fcn_repro.datasets import DATASETS
from fcn_repro.datasets.voc import CLASS_NAMES, list_file
from fcn_repro.engine import caffe
from fcn_repro.evaluation import metrics
from fcn_repro.evaluation.score_report import headline, read_report, sha256
from fcn_repro.inference.segmenter import Segmenter
from fcn_repro.model.run_folder import CLASSIFIER_NETS, RunFolder, classifier_weights
from solvers import real_voc
from solvers.emit import emit_experiment
from solvers.experiments import EXPERIMENTS
from tests.fixtures.random_weights import write_classifier
from tests.fixtures.tiny_run import write_voc
from tools import real_voc as program
from tools import solve

CLASSES = Path(__file__).parents[2] / "data/voc-classes.txt"
LAST = f"voc2012-{real_voc.STAGES[-1]}"


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Register the images as REAL_VOC=folder does, and train every stage at an eighth of its width for two updates."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fcn_repro.model.store_features.STORED", np.float32)
    write_classifier("mini-vgg16-fcn", contrast=1 / 50)
    classifier_weights("mini-vgg16-fcn").rename(classifier_weights("hed-vgg16-fcn"))
    (CLASSIFIER_NETS / "mini-vgg16-fcn").rename(CLASSIFIER_NETS / "hed-vgg16-fcn")
    voc, items = write_voc(tmp_path), [f"2011_00000{i}\n" for i in range(4)]
    list_file(voc, "train").write_text("".join(items[:2]))
    list_file(voc, "val").write_text("".join(items[2:]))
    argv = ["", str(voc), "--classes", str(CLASSES), "--name", "real-voc", "--like", LAST]
    monkeypatch.setattr("sys.argv", argv)
    monkeypatch.delitem(sys.modules, "tools.user_dataset", raising=False)  # another test may have imported it
    with pytest.raises(SystemExit, match="0"):
        runpy.run_module("tools.user_dataset", run_name="__main__")
    rows = {}
    for name in real_voc.list_runs("real-voc"):
        row = EXPERIMENTS[name]
        regime = replace(row.regime, power=None)
        rows[name] = replace(row, net=row.net.replace("vgg16-", "vgg16-mini-"), regime=regime, iterations=(1, 2))
    monkeypatch.setattr(solve, "EXPERIMENTS", rows)
    for name, row in rows.items():
        emit_experiment(row)
        solve.main(argparse.Namespace(experiment=name, iterations=None, gpu=-1, tensorboard=False))
    return rows


def weights_of(run):
    return caffe.Net(str(RunFolder(run).deploy), caffe.TEST, weights=str(RunFolder(run).final)).params


def test_the_class_list_is_vocs():
    assert tuple(CLASSES.read_text().split()) == CLASS_NAMES


def test_every_stage_starts_from_the_one_before_and_keeps_the_trunk(runs):
    names = list(runs)
    for before, name in zip(names, names[1:], strict=False):
        (source,) = read_report(RunFolder(name).score)["init"]
        assert source["sha256"] == sha256(RunFolder(before).final)
    package = caffe.Net(str(CLASSIFIER_NETS / "hed-vgg16-fcn/deploy.prototxt"), caffe.TEST,
                        weights=str(classifier_weights("hed-vgg16-fcn"))).params  # fmt: skip
    for name in names:
        trained = weights_of(name)
        assert np.array_equal(trained["conv4_3"][0].data, package["conv4_3"][0].data)

    narrow, wide = weights_of(names[0]), weights_of(names[1])
    assert wide["fc7"][0].shape[0] == 8 * narrow["fc7_narrow"][0].shape[0]
    assert len(list(Path("build/features/real-voc/hed-vgg16-fcn/train/pool4").iterdir())) == 2


def test_the_whole_net_labels_images_as_the_head_that_was_scored(runs):
    layer = real_voc.open_scored_layer(DATASETS["real-voc"])
    for name in runs:
        segmenter, hist = Segmenter(RunFolder(name).path), np.zeros((21, 21), int)
        for item in layer.items:
            label_hw = layer.load(item)[-1][0]
            predicted = segmenter(Image.open(f"VOC/JPEGImages/{item}.jpg"))
            hist += metrics.histogram(label_hw.astype(int), predicted, 21)
        assert hist.tolist() == headline(read_report(RunFolder(name).score))["histogram"]


def test_tables_and_sheet_show_every_stage(runs, capsys):
    capsys.readouterr()
    program.main(argparse.Namespace(data="real-voc", sheet=2, format="csv"))
    scores, classes, sheet = capsys.readouterr().out.strip().split("\n\n")
    for run, line in zip(runs, scores.splitlines()[1:], strict=True):
        hist = np.array(headline(read_report(RunFolder(run).score))["histogram"])
        over_all, minutes = f"{100 * metrics.mean_iu(hist):.2f}", line.split(",")[-1]
        assert line.split(",")[0] == run and over_all in line and minutes.isdigit()
    assert [line.split(",")[:2] for line in classes.splitlines()[1:]] == [
        ["background", "2"], ["aeroplane", "1"], ["person", "1"]
    ]  # fmt: skip
    with Image.open(sheet) as image:
        assert image.width > 5 * 20


def test_means_are_over_the_classes_that_are_named(monkeypatch, tmp_path):
    """The six animals-and-person classes and the background; classes with many images; all."""
    hist = np.zeros((21, 21), int)
    ius = {0: 0.5, 8: 0.25, 9: 0.75}  # background, cat, chair
    for index, iu in ius.items():
        hist[index, index], hist[index, 20] = 100 * iu, 100 * (1 - iu)
    monkeypatch.setattr(real_voc, "_read_histogram", lambda run: hist)
    monkeypatch.setattr(real_voc.train_log, "read", lambda path: [{"seconds": "120", "iteration": "7"}])
    (row, *_) = real_voc.tabulate_scores("voc2012", np.array([40, *[0] * 7, 2, 30, *[0] * 11]))
    assert row[1:] == ["37.50", "62.50", "50.00", "50.00", "7", "2"]
