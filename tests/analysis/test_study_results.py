import json

import numpy as np
import pytest

from fcn_repro.analysis.paper_tables import PaperCell, PaperTable
from fcn_repro.analysis.study_results import StudyLine, StudyResult, format_study, read_run, write_study
from fcn_repro.evaluation.evaluate import Score
from fcn_repro.evaluation.score_report import build_report, write_report
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.training.train_log import TrainLog

EARLY, LATE = Score(np.array([[60, 40], [50, 50]]), 0.0), Score(np.array([[90, 10], [20, 80]]), 0.0)


@pytest.fixture
def build(tmp_path):
    """A run of 400 iterations, scored after 200 and at the end."""
    folder = RunFolder("mini-a", tmp_path)
    folder.path.mkdir()
    curve = TrainLog(folder.log, 0, False)
    for iteration in range(20, 401, 20):
        curve.add(iteration, 100.0, 1 / iteration, 2.0, 20)
        if iteration == 200:
            curve.add_score(iteration, EARLY)
    curve.add_score(400, LATE)
    facts = {"experiment": "mini-a", "iteration": 400, "trained": 400, "recipe": 400, "shortened": False}
    write_report(folder.score, build_report(facts, {"score": LATE}, []))
    return tmp_path


@pytest.mark.parametrize(
    "iteration, mean_iu, last",
    [(None, (90 / 120 + 80 / 110) / 2, 400), (200, (60 / 150 + 50 / 140) / 2, 200), (100, None, 100)],
)
def test_a_run_has_its_final_score_or_what_the_log_holds_at_an_iteration(build, iteration, mean_iu, last):
    line = read_run("mini-a", "a", iteration, build) if iteration else read_run("mini-a", "a", build=build)
    assert (line.iteration, line.shortened) == (last, False)
    assert line.numbers["mean_iu"] == (None if mean_iu is None else pytest.approx(100 * mean_iu, rel=1e-4))
    assert line.numbers["loss"] == pytest.approx(np.mean([1 / (last - k) for k in range(0, 100, 20)]), rel=1e-4)
    assert line.numbers["seconds"] == pytest.approx(last / 10)


CELLS = (PaperCell("a", "mean_iu", "51.9", "MEM", "", ""), PaperCell("b", "mean_iu", "63.6", "WK", "", ""))
RESULT = StudyResult(
    "order", "Which?", "mini",
    [StudyLine("a", {"mean_iu": 12.345, "loss": 0.5}, "mini-a", 100, True),
     StudyLine("b", {"mean_iu": None, "loss": 0.4})],
    PaperTable("t", "Table", "PAMI", "seg11valid", CELLS),
    [PaperCell("Topic", "", "", "CVPR", "", "no gain")],
    ["a remark"],
)  # fmt: skip


def test_the_papers_row_stands_below_ours_and_notes_below_both():
    lines = format_study(RESULT)
    assert lines[0] == "order, measured on mini: Which?"
    assert lines[1].split() == ["row", "mean", "IU", "loss"]
    assert lines[3].split() == ["a", "12.35", "0.5"]
    assert lines[4].split() == ["mini-a", "after", "100", "iterations;", "SHORTENED"]
    assert lines[5].split() == ["paper,", "seg11valid", "51.9?"]
    assert lines[6].split() == ["b", ".", "0.4"]
    assert lines[7].split() == ["paper,", "seg11valid", "63.6"]
    assert lines[8:] == ["  paper (CVPR), Topic: no gain", "  a remark"]
    assert lines[3].index("12.35") + 5 == lines[5].index("51.9?") + 5 == lines[1].index("mean IU") + 7


def test_other_formats_have_a_column_of_notes():
    lines = format_study(RESULT, "csv")
    assert lines[1:4] == ["row,mean IU,loss,note", "a,12.35,0.5,mini-a after 100 iterations; SHORTENED",
                          '"paper, seg11valid",51.9?,,']  # fmt: skip


def test_a_study_is_written_as_text_and_as_json(tmp_path):
    path = write_study(RESULT, tmp_path)
    found = json.loads(path.read_text())
    assert path == tmp_path / "studies" / "mini-order.json"
    assert [line["numbers"]["mean_iu"] for line in found["lines"]] == [12.345, None]
    assert found["paper"]["cells"][0]["value"] == "51.9" and found["columns"] == ["mean_iu", "loss"]
    assert path.with_suffix(".txt").read_text().splitlines() == format_study(RESULT)
