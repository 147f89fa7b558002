"""Studies compare runs at equal budgets, cues in both readings, and label maps without any run."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fcn_repro.drawing.palette import save_label
from fcn_repro.errors import DataError
from fcn_repro.evaluation.evaluate import Score
from fcn_repro.evaluation.score_report import build_report, write_report
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.training.train_log import TrainLog
from solvers import study_runs
from solvers.emit import vary_data_set
from solvers.experiments import EXPERIMENTS
from tools import study

HIST = np.array([[90, 10, 0], [20, 70, 10], [5, 5, 40]])


@pytest.fixture(autouse=True)
def repository(tmp_path, monkeypatch):
    """An empty repository with the paper's tables."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "paper").symlink_to(Path(__file__).parents[2] / "data" / "paper")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def finish(run, scored, trained=None, shortened=False):
    """Leave what a run leaves: scores after some iterations, its loss being 1 / iteration."""
    folder = RunFolder(run)
    folder.path.mkdir(parents=True)
    log = TrainLog(folder.log, 0, shortened)
    for iteration in scored:
        log.add(iteration, 1.0, 1 / iteration, 1.0, 20)
        log.add_score(iteration, Score(HIST * iteration + np.eye(3, dtype=int) * iteration**2, 0.0))
    facts = {"experiment": run, "iteration": scored[-1], "trained": scored[-1], "shortened": shortened}
    write_report(folder.score, build_report(facts, {"score": Score(HIST, 0.0)}, []))
    folder.final.write_bytes(b"weights")


def printed(capsys, name, data="mini"):
    study.main(argparse.Namespace(studies=[name], all=False, data=data, gpu=-1, format="text"))
    return capsys.readouterr().out, json.loads(Path(f"build/studies/{data}-{name}.json").read_text())


def test_a_run_is_read_where_the_shortest_with_the_same_start_ends(capsys):
    finish("mini-fcn32s", [2000, 4000])
    finish("mini-fcn32s-balanced", [2000])
    text, result = printed(capsys, "balancing")
    assert [line["iteration"] for line in result["lines"]] == [2000, 2000]
    assert result["lines"][0]["numbers"]["loss"] == pytest.approx(1 / 2000, rel=1e-3)
    assert "paper (CVPR), Class balancing: unnecessary" in text
    assert Path("build/studies/mini-balancing.txt").read_text().strip() == text.strip()


def test_accumulated_images_count_separately(capsys):
    images = EXPERIMENTS["mini-fcn32s-accum"].regime.iter_size
    finish("mini-fcn32s", [2000, 4000])
    finish("mini-fcn32s-online", [2000])
    finish("mini-fcn32s-accum", [2000 // images])
    text, result = printed(capsys, "optimisation")
    assert [line["iteration"] for line in result["lines"]] == [2000 // images, 2000, 2000]
    assert "51.9?" in text and "63.6" in text  # the paper's mean IU, one of them recalled


def test_a_study_by_iterations_does_not_count_images(capsys):
    finish("mini-fcn32s", [500, 2000, 4000])
    finish("mini-fcn32s-half", [500])
    finish("mini-fcn32s-quarter", [500], shortened=True)
    text, result = printed(capsys, "sampling")
    assert [line["iteration"] for line in result["lines"]] == [500, 500, 500]
    assert "SHORTENED" in text


def test_cues_are_counted_in_both_readings(capsys, monkeypatch):
    for run in ("fcn32s", "fcn32s-foreground", "fcn32s-background", "fcn32s-shape"):
        finish(f"mini-{run}", [2000])
    hidden = []
    monkeypatch.setattr(study_runs, "_score_masked", lambda data, line: hidden.append(line.mask) or HIST)
    text, result = printed(capsys, "cues")
    (numbers,) = {tuple(line["numbers"].values()) for line in result["lines"]}
    class_left_out = (70 / (100 + 85 - 70) + 40 / (50 + 50 - 40)) / 2
    pixels_left_out = (70 / (100 + 75 - 70) + 40 / (50 + 50 - 40)) / 2
    assert numbers == pytest.approx((100 * class_left_out, 100 * pixels_left_out))
    assert hidden == ["background", "foreground"]
    assert "84.8" in text and "29.1" in text


def test_upper_bounds_need_only_label_maps(capsys, repository):
    voc = repository / "data" / "pascal" / "VOC2011"
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (voc / folder).mkdir(parents=True)
    label = np.zeros((64, 96), np.uint8)
    label[16:48, 32:64] = 3
    Image.new("RGB", (96, 64)).save(voc / "JPEGImages" / "a.jpg")
    save_label(voc / "SegmentationClass" / "a.png", label)
    (voc / "ImageSets" / "Segmentation" / "seg11valid.txt").write_text("a\n")
    text, result = printed(capsys, "upper-bounds", "voc")
    by_factor = {line["label"]: line["numbers"] for line in result["lines"]}
    assert by_factor["factor 16"]["majority, repeated"] == 100
    assert by_factor["factor 64"]["majority, repeated"] < 100
    assert "50.9" in text and "98.5" in text and "1 label maps of seg11valid" in text


def test_missing_runs_are_named_and_other_data_sets_refused():
    finish("mini-fcn32s", [2000])
    options = argparse.Namespace(studies=["balancing"], all=False, data="mini", gpu=-1, format="text")
    with pytest.raises(DataError, match="mini-fcn32s-balanced/final.caffemodel: missing. Fix: make mini-fcn"):
        study.main(options)
    options.studies, options.data = ["depth"], "voc"
    with pytest.raises(ValueError, match="depth is not made on voc; expected one of mini, nyud"):
        study.main(options)


def test_options_reach_the_layers_of_their_phase():
    row = EXPERIMENTS["voc-fcn32s-shape"]
    data = study_runs.datasets.DATASETS["voc"]
    facts = vary_data_set(data, row.varied, row.scored)
    assert facts.train.params == {**data.train.params, "mask": "both"}
    assert facts.val.params == {**data.val.params, "mask": "both"}
    assert vary_data_set(data, {}, {}) == data
