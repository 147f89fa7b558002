"""The programs around the mini experiment: table and sheet, sweep, seeds."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fcn_repro.datasets import DATASETS, voc
from fcn_repro.drawing.palette import label_image
from fcn_repro.evaluation.score_report import write_report
from fcn_repro.inference import segmenter
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.training.divergence import Diverged
from solvers.experiments import EXPERIMENTS
from tools import mini, seeds, sweep

SCORE = {"pixel_accuracy": 0.9, "mean_accuracy": 0.8, "mean_iu": 0.7, "fw_iu": 0.6}


def finished(folder: RunFolder, mean_iu: float, loss: float = 0.5) -> None:
    """Leave behind what a run would: a score, and a learning curve of two rows, the second without a pace."""
    folder.path.mkdir(parents=True, exist_ok=True)
    write_report(folder.score, {"scores": {"score": {**SCORE, "mean_iu": mean_iu}}, "trained": 9})
    columns = "iteration,loss_per_pixel,images_per_s,shortened"
    folder.log.write_text(f"{columns}\n1,{loss},8,no\n2,{loss},,no\n")


# table and sheet


def test_the_table_sets_the_papers_stages_apart_from_ours():
    lines = mini.table([{**SCORE, "mean_iu": iu} for iu in (0.501, 0.602, 0.703)])
    ours, theirs = lines[: lines.index("")], lines[lines.index("") + 1 :]
    assert [line.split()[3] for line in ours[2:]] == ["50.1", "60.2", "70.3"]
    assert theirs[0].startswith("Another task")
    assert [line.split() for line in theirs[1:]][2] == ["voc-fcn8s", "91.2", "77.6", "65.5", "84.5"]


def test_the_sheet_has_a_column_per_stage(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stages = list(mini.STAGES)
    monkeypatch.setattr(
        segmenter, "Segmenter", lambda path: lambda image: np.full((20, 30), 1 + stages.index(path.name))
    )
    image, label = voc.voc_files(mini.VOC, "a")
    lists = mini.VOC / "ImageSets" / "Segmentation" / "val.txt"
    for path in image, label, lists:
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (30, 20), (0, 90, 0)).save(image)
    label_image(np.zeros((20, 30))).save(label)
    lists.write_text("a\n")
    out = mini.draw([RunFolder(name) for name in mini.STAGES])
    with Image.open(out) as page:
        colours = {colour for _, colour in page.convert("RGB").getcolors()}
    assert {(128, 0, 0), (0, 128, 0), (128, 128, 0)} <= colours  # the palette's 1, 2 and 3
    assert out == Path("build/mini-fcn8s/pictures/sheet.png")


# sweep


@pytest.fixture
def swept(tmp_path, monkeypatch) -> list[float]:
    """The rates that were trained at; those above 1e-6 diverge."""
    monkeypatch.chdir(tmp_path)
    rates: list[float] = []

    def train(folder, recipe, iterations, where):
        rates.append(float(folder.build.name))
        assert (iterations, where) == (30, "cpu")
        assert f"base_lr: {rates[-1]:g}\n" in folder.solver.read_text()
        if rates[-1] > 1e-6:
            raise Diverged
        finished(folder, mean_iu=0.25, loss=0.75)

    monkeypatch.setattr(sweep, "solve", train)
    monkeypatch.setattr(sweep.device, "choose", lambda gpu: "cpu")
    return rates


def test_a_sweep_trains_at_every_rate_and_goes_on_after_one_that_diverges(swept, capsys):
    sweep.main(Namespace(experiment="mini-fcn32s", rates=[1e-3, 2e-9], iterations=30, gpu=None))
    assert swept == [1e-3, 2e-9]
    printed = capsys.readouterr().out.splitlines()
    assert printed[-2].split() == ["0.001", "diverged"]
    assert printed[-1].split() == ["2e-09", "0.75", "25.00"]


def test_a_sweep_leaves_the_experiments_own_folder_alone(swept):
    sweep.main(Namespace(experiment="mini-fcn32s", rates=[2e-9], iterations=30, gpu=None))
    assert Path("build/sweep/2e-09/mini-fcn32s/solver.prototxt").exists()
    assert not Path("build/mini-fcn32s").exists()


# seeds


def test_a_seed_reaches_fillers_dropout_and_the_order_of_the_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trained = SimpleNamespace()
    monkeypatch.setattr(
        seeds, "solve", lambda folder, recipe, device: vars(trained).update(folder=folder, recipe=recipe)
    )
    seeds.train(replace(EXPERIMENTS["mini-fcn16s"], seed=7), Path("build/seeds/7"), "cpu")
    assert "random_seed: 7" in trained.folder.solver.read_text()
    assert r"seed\': 7" in trained.folder.train.read_text()
    assert r"seed\': 7" not in trained.folder.val.read_text()
    assert trained.recipe.init == {"": Path("build/seeds/7/mini-fcn32s/final.caffemodel")}


def test_seeding_changes_nothing_else_about_a_data_set():
    facts = DATASETS["mini"]
    assert seeds.seeded(facts, facts.train.params["seed"]) == facts


def test_spread_is_the_mean_and_the_range(tmp_path):
    runs = [RunFolder("mini-fcn8s", tmp_path / str(seed)) for seed in range(3)]
    for run, mean_iu in zip(runs, (0.70, 0.74, 0.72), strict=True):
        finished(run, mean_iu)
    line = seeds.spread(runs)
    assert "mean iu 72.0 (70.0-74.0)" in line and "pixel accuracy 90.0 (90.0-90.0)" in line
    assert line.endswith("8 images/s")
