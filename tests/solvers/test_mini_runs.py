"""The runs around the mini experiment: results, rate sweep, seeds."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image

from fcn_repro.datasets import DATASETS, voc
from fcn_repro.drawing.palette import make_label_image
from fcn_repro.evaluation.score_report import write_report
from fcn_repro.inference import segmenter
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.training.divergence import Diverged
from solvers import mini_results, seeds, sweep
from solvers.experiments import EXPERIMENTS

SCORE = {"pixel_accuracy": 0.9, "mean_accuracy": 0.8, "mean_iu": 0.7, "fw_iu": 0.6}


def finish(folder: RunFolder, mean_iu: float, loss: float = 0.5) -> None:
    """Write the files of a run: a score, and a log of two rows, the second without a speed."""
    folder.path.mkdir(parents=True, exist_ok=True)
    write_report(folder.score, {"scores": {"score": {**SCORE, "mean_iu": mean_iu}}, "trained": 9})
    columns = "iteration,loss_per_pixel,images_per_s,shortened"
    folder.log.write_text(f"{columns}\n1,{loss},8,no\n2,{loss},,no\n")


def test_the_table_separates_the_papers_stages_from_ours():
    rows = mini_results.tabulate_stages([{**SCORE, "mean_iu": iu} for iu in (0.501, 0.602, 0.703)])
    assert [row[3] for row in rows[:3]] == ["50.1", "60.2", "70.3"]
    assert rows[3][0].startswith("paper, ") and not any(rows[3][1:])
    assert rows[6] == ["voc-fcn8s", "91.2", "77.6", "65.5", "84.5"]


def test_the_figure_has_a_column_per_stage(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stages = list(mini_results.STAGES)
    label_by_stage = lambda path: lambda image: np.full((20, 30), 1 + stages.index(path.name))  # noqa: E731
    monkeypatch.setattr(segmenter, "Segmenter", label_by_stage)
    image, label = voc.voc_files(mini_results.VOC, "a")
    lists = mini_results.VOC / "ImageSets" / "Segmentation" / "val.txt"
    for path in image, label, lists:
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (30, 20), (0, 90, 0)).save(image)
    make_label_image(np.zeros((20, 30))).save(label)
    lists.write_text("a\n")
    out = mini_results.draw_stages()
    with Image.open(out) as page:
        colours = {colour for _, colour in page.convert("RGB").getcolors()}
    assert {(128, 0, 0), (0, 128, 0), (128, 128, 0)} <= colours  # the palette's 1, 2 and 3
    assert out == Path("build/mini-fcn8s/pictures/sheet.png")


def test_a_sweep_trains_at_every_rate_outside_the_experiments_folder_and_continues_after_divergence(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    rates: list[float] = []

    def train(folder, recipe, iterations, device):
        rates.append(float(folder.build.name))
        assert (iterations, device) == (30, "cpu")
        assert f"base_lr: {rates[-1]:g}\n" in folder.solver.read_text()
        if rates[-1] > 1e-6:
            raise Diverged
        finish(folder, mean_iu=0.25, loss=0.75)

    monkeypatch.setattr(sweep, "solve", train)
    rows = sweep.sweep_rates(EXPERIMENTS["mini-fcn32s"], [1e-3, 2e-9], 30, "cpu")
    assert rates == [1e-3, 2e-9]
    assert rows == [["0.001", "diverged", ""], ["2e-09", "0.75", "25.00"]]
    assert Path("build/sweep/2e-09/mini-fcn32s/solver.prototxt").exists()
    assert not Path("build/mini-fcn32s").exists()


def test_a_seed_reaches_fillers_dropout_and_the_order_of_the_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trained = SimpleNamespace()
    record = lambda folder, recipe, device: vars(trained).update(folder=folder, recipe=recipe)  # noqa: E731
    monkeypatch.setattr(seeds, "solve", record)
    seeds.train_row(replace(EXPERIMENTS["mini-fcn16s"], seed=7), Path("build/seeds/7"), "cpu")
    assert "random_seed: 7" in trained.folder.solver.read_text()
    assert r"seed\': 7" in trained.folder.train.read_text()
    assert r"seed\': 7" not in trained.folder.val.read_text()
    assert trained.recipe.init == {"": Path("build/seeds/7/mini-fcn32s/final.caffemodel")}


def test_seeding_changes_nothing_else_about_a_data_set():
    data = DATASETS["mini"]
    assert seeds.seed_data_set(data, data.train.params["seed"]) == data


def test_the_spread_is_the_mean_and_the_range(tmp_path):
    runs = [RunFolder("mini-fcn8s", tmp_path / str(seed)) for seed in range(3)]
    for run, mean_iu in zip(runs, (0.70, 0.74, 0.72), strict=True):
        finish(run, mean_iu)
    row = dict(zip(seeds.COLUMNS, seeds.describe_spread(runs), strict=True))
    assert (row["mean iu"], row["pixel accuracy"]) == ("72.0 (70.0-74.0)", "90.0 (90.0-90.0)")
    assert (row["experiment"], row["images/s"]) == ("mini-fcn8s", "8")
