"""What a study says of a run, how it prints, and what it leaves behind."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fcn_repro.analysis.paper_tables import Cell, Table
from fcn_repro.analysis.study_results import Found, Outcome, found, printed, write
from fcn_repro.evaluation.evaluate import Score
from fcn_repro.evaluation.score_report import build_report, write_report
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.training.train_log import LearningCurve

EARLY, LATE = Score(np.array([[60, 40], [50, 50]]), 0.0), Score(np.array([[90, 10], [20, 80]]), 0.0)


@pytest.fixture
def build(tmp_path):
    """A run of 400 iterations, scored after 200 and at the end."""
    folder = RunFolder("mini-a", tmp_path)
    folder.path.mkdir()
    curve = LearningCurve(folder.log, 0, False)
    for iteration in range(20, 401, 20):
        curve.add(iteration, 100.0, 1 / iteration, 2.0, 20)
        if iteration == 200:
            curve.add_score(iteration, EARLY)
    curve.add_score(400, LATE)
    facts = {"experiment": "mini-a", "iteration": 400, "trained": 400, "recipe": 400, "shortened": False}
    write_report(folder.score, build_report(facts, {"score": LATE}, []))
    return tmp_path


def test_a_run_is_told_as_it_was_handed_on(build):
    line = found("mini-a", "a", build=build)
    assert (line.iteration, line.shortened) == (400, False)
    assert line.numbers["mean_iu"] == pytest.approx(100 * (90 / 120 + 80 / 110) / 2)
    assert line.numbers["loss"] == pytest.approx(np.mean([1 / i for i in (320, 340, 360, 380, 400)]), rel=1e-4)
    assert line.numbers["seconds"] == pytest.approx(40)


def test_a_run_that_went_on_longer_is_told_as_it_was_at_an_iteration(build):
    line = found("mini-a", "a", 200, build)
    assert line.iteration == 200
    assert line.numbers["mean_iu"] == pytest.approx(100 * (60 / 150 + 50 / 140) / 2, rel=1e-4)
    assert line.numbers["loss"] == pytest.approx(np.mean([1 / i for i in (120, 140, 160, 180, 200)]), rel=1e-4)
    assert line.numbers["seconds"] == pytest.approx(20)


def test_where_a_run_was_not_scored_it_has_no_score_but_a_loss(build):
    numbers = found("mini-a", "a", 100, build).numbers
    assert numbers["mean_iu"] is None and numbers["loss"] > 0


CELLS = (Cell("a", "mean_iu", "51.9", "MEM", "", ""), Cell("b", "mean_iu", "63.6", "WK", "", ""))
OUTCOME = Outcome(
    "order", "Which?", "mini",
    [Found("a", {"mean_iu": 12.345, "loss": 0.5}, "mini-a", 100, True), Found("b", {"mean_iu": None, "loss": 0.4})],
    Table("t", "Table", "PAMI", "seg11valid", CELLS),
    [Cell("Topic", "", "", "CVPR", "", "no gain")],
    ["a remark"],
)  # fmt: skip


def test_the_papers_row_stands_below_ours():
    lines = printed(OUTCOME)
    assert lines[0] == "order, measured on mini: Which?"
    assert lines[1].split() == ["mean", "IU", "loss"]
    assert lines[2].split() == ["a", "12.35", "0.5", "mini-a", "after", "100", "iterations;", "SHORTENED"]
    assert lines[3].split() == ["paper,", "seg11valid", "51.9?"]
    assert lines[4].split() == ["b", ".", "0.4"]
    assert lines[5].split() == ["paper,", "seg11valid", "63.6"]
    assert lines[6:] == ["  paper (CVPR), Topic: no gain", "  a remark"]
    assert lines[2].index("12.35") + 5 == lines[3].index("51.9?") + 5 == lines[1].index("mean IU") + 7


def test_an_outcome_is_left_as_text_and_as_numbers(tmp_path):
    path = write(OUTCOME, tmp_path)
    told = json.loads(path.read_text())
    assert path == tmp_path / "studies" / "mini-order.json"
    assert [line["numbers"]["mean_iu"] for line in told["lines"]] == [12.345, None]
    assert told["paper"]["cells"][0]["value"] == "51.9" and told["columns"] == ["mean_iu", "loss"]
    assert path.with_suffix(".txt").read_text().splitlines() == printed(OUTCOME)
