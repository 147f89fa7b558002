import argparse
import re

import numpy as np
import pytest

from fcn_repro.analysis import paper_tables
from fcn_repro.evaluation.class_subsets import Subset
from fcn_repro.evaluation.evaluate import Score
from fcn_repro.evaluation.score_report import build_report, write_report
from tools import compare

HIST = np.array([[90, 10], [20, 80]])  # mean IU (90/120 + 80/110) / 2


@pytest.fixture
def printed(tmp_path, monkeypatch, capsys):
    """What is printed when these runs were made, as lines."""

    def run(**runs):
        for name, facts in runs.items():
            experiment = name.replace("_", "-")
            (tmp_path / experiment).mkdir()
            facts = {"experiment": experiment, "trained": 100, "recipe": 100, "shortened": False, **facts}
            facts = {"split": "seg11valid", "images": 736, **facts}
            scores = {"score": Score(facts.pop("hist", HIST), 0.0)}
            write_report(tmp_path / experiment / "score.json", build_report(facts, scores, []))
        monkeypatch.setattr(compare, "measured", lambda: paper_tables.measured(tmp_path))
        compare.main(argparse.Namespace())
        return capsys.readouterr().out.splitlines()

    return run


def place(lines, pattern):
    return next(i for i, line in enumerate(lines) if re.search(pattern, line))


def after(lines, pattern):
    """The line that follows the first one that matches."""
    return lines[place(lines, pattern) + 1]


def test_a_score_stands_under_the_papers_row_in_percent(printed):
    line = after(printed(voc_fcn8s={}), "FCN-8s staged")
    assert line.split() == ["voc-fcn8s", "85.00", "85.00", "73.86", "73.86"]


def test_runs_not_made_are_dots(printed):
    assert after(printed(), "FCN-8s staged").split() == ["voc-fcn8s", ".", ".", ".", "."]


def test_recalled_numbers_carry_a_question_mark(printed):
    (line,) = [line for line in printed() if "FCN-pool4" in line]
    assert line.split()[-4:] == ["78.7?", "31.7?", "22.4", "67.0?"]


def test_a_shortened_run_is_labelled(printed):
    line = after(printed(voc_fcn8s={"trained": 40, "recipe": 100_000, "shortened": True}), "FCN-8s staged")
    assert line.endswith("SHORTENED: 40 of 100,000 iterations")


def test_another_split_is_labelled(printed):
    line = after(printed(voc_fcn8s={"split": "val", "images": 10}), "FCN-8s staged")
    assert line.endswith("scored on 10 images of val")


def test_weights_from_elsewhere_are_named(printed):
    line = after(printed(voc_fcn8s={"trained": None, "weights": {"file": "a.caffemodel"}}), "FCN-8s staged")
    assert line.endswith("weights a.caffemodel")


def test_mini_experiments_stand_apart(printed):
    lines = printed(mini_fcn8s={}, my_own={})
    other, mini = place(lines, "Runs that no table"), place(lines, "not PASCAL VOC")
    assert [line.split()[0] for line in lines[other + 2 : mini - 1]] == ["my-own"]
    assert [line.split()[0] for line in lines[mini + 2 :]] == ["mini-fcn8s"]
    assert sum("mini-fcn8s" in line for line in lines) == 1


def test_every_way_of_counting_a_subset_is_printed(tmp_path, monkeypatch, capsys):
    report = build_report(
        {"experiment": "pascalcontext-fcn8s", "trained": 1, "recipe": 1, "shortened": False, "split": "val"},
        {"score": Score(np.array([[5, 5], [0, 10]]), 0.0, subsets={"59 classes": Subset((1,), np.diag([0, 10]))})},
        [],
    )
    monkeypatch.setattr(compare, "measured", lambda: [report])
    compare.main(argparse.Namespace())
    lines = capsys.readouterr().out.splitlines()
    start = place(lines, "^    pascalcontext-fcn8s")
    assert [line.split()[-2] for line in lines[start : start + 4]] == ["58.33", "66.67", "100.00", "100.00"]
    assert lines[start + 1].strip().startswith("59 classes, other pixels count against it")


def test_classes_that_do_not_occur_are_counted(printed):
    line = after(printed(siftflow_fcn8s={"split": "test", "hist": np.pad(HIST, (0, 1))}), r"FCN-8s \(PAMI\).*41")
    assert line.endswith("2 of 3 classes occur")
