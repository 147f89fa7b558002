import argparse
import tarfile
from dataclasses import replace

import pytest

from fcn_repro import datasets
from fcn_repro.errors import DataError
from fcn_repro.model import deploy_metadata
from fcn_repro.model.deploy_metadata import DeployMetadata
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.training.recipe import Recipe
from fcn_repro.training.trainer import solve
from solvers.experiments import EXPERIMENTS
from tests.fixtures.tiny_run import DEPLOY, SIZES, write_run
from tools import submit

PLACE = "results/VOC/Segmentation/comp6_val_cls"


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """A tiny run with weights, and its validation images as a test split."""
    monkeypatch.chdir(tmp_path)
    folder = write_run(tmp_path, snapshot=1000)
    solve(folder, Recipe(1, 5))
    folder.deploy.write_text(DEPLOY)
    deploy_metadata.write(folder.metadata, DeployMetadata.from_data_set(datasets.DATASETS["voc"]))
    rows = {"tiny": replace(EXPERIMENTS["voc-fcn32s"], name="tiny"), "mini-fcn8s": EXPERIMENTS["mini-fcn8s"]}
    monkeypatch.setattr(submit, "EXPERIMENTS", rows)
    monkeypatch.setattr(submit, "emit_experiment", lambda row: None)
    return RunFolder("tiny")


def options(tmp_path, experiment="tiny", **given):
    defaults = {"voc": tmp_path / "VOC", "split": "val", "competition": 6, "weights": None, "check": False, "gpu": -1}
    return argparse.Namespace(experiment=experiment, **{**defaults, **given})


def test_every_image_of_the_split_is_labelled_checked_and_packed(trained, tmp_path, capsys):
    submit.main(options(tmp_path))
    assert capsys.readouterr().out.endswith(f"VOC-comp6_val_cls.tar.gz: 4 label maps, in {PLACE}\n")
    with tarfile.open(trained.path / "submission/VOC-comp6_val_cls.tar.gz") as archive:
        assert archive.getnames() == [f"{PLACE}/2011_00000{i}.png" for i in range(len(SIZES))]


def test_checking_needs_no_weights_and_reports_missing_label_maps(trained, tmp_path):
    submit.main(options(tmp_path))
    trained.final.unlink()
    submit.main(options(tmp_path, check=True))
    (trained.path / "submission" / PLACE / "2011_000002.png").unlink()
    with pytest.raises(DataError, match=r"2011_000002\.png: missing \(1 such errors\)"):
        submit.main(options(tmp_path, check=True))


def test_a_net_of_other_classes_is_refused(trained, tmp_path):
    with pytest.raises(ValueError, match="mini-fcn8s: got 7 classes, expected the 21 of PASCAL VOC"):
        submit.main(options(tmp_path, experiment="mini-fcn8s"))
