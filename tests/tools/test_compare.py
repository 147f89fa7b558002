import argparse
import re

import numpy as np
import pytest

from fcn_repro.analysis import paper_tables
from fcn_repro.analysis.study_results import StudyLine, StudyResult, find_paper_table, write_study
from fcn_repro.evaluation.class_subsets import Subset
from fcn_repro.evaluation.score_report import write_report
from tests.fixtures.result_folders import HIST, make_report
from tools import compare


@pytest.fixture
def printed(tmp_path, monkeypatch, capsys):
    """Return the printed lines for runs with these facts."""

    def run(format="text", **runs):
        for name, facts in runs.items():
            experiment = name.replace("_", "-")
            (tmp_path / experiment).mkdir()
            write_report(tmp_path / experiment / "score.json", make_report(experiment=experiment, **facts))
        monkeypatch.setattr(compare, "read_reports", lambda: paper_tables.read_reports(tmp_path))
        monkeypatch.setattr(compare, "BUILD", tmp_path)
        compare.main(argparse.Namespace(format=format))
        return capsys.readouterr().out.splitlines()

    return run


def place(lines, pattern):
    return next(i for i, line in enumerate(lines) if re.search(pattern, line))


def after(lines, pattern, distance=1):
    """The line some lines below the first one that matches."""
    return lines[place(lines, pattern) + distance]


def test_scores_stand_below_the_papers_row_in_percent(printed):
    lines = printed(voc_fcn8s={})
    assert after(lines, "FCN-8s staged").split() == ["voc-fcn8s", "85.00", "85.00", "73.86", "73.86"]
    assert after(lines, "FCN-32s-fixed").split()[1:] == [".", ".", ".", "."]
    (recalled,) = [line for line in lines if "FCN-pool4" in line]
    assert recalled.split()[-4:] == ["78.7?", "31.7?", "22.4", "67.0?"]
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize(
    ("facts", "note"),
    [
        ({"trained": 40, "recipe": 100_000, "shortened": True}, "SHORTENED: 40 of 100,000 iterations"),
        ({"split": "val", "images": 10}, "scored on 10 images of val"),
        ({"trained": None, "weights": {"file": "a.caffemodel"}}, "weights a.caffemodel"),
        ({"hist": np.pad(HIST, (0, 1))}, "2 of 3 classes occur"),
        (
            {"split": "test", "images": 10, "chosen": "the best mean IU on test"},
            "best of its snapshots on test; scored on 10 images of test",
        ),
    ],
)
def test_scores_that_are_not_comparable_are_labelled(printed, facts, note):
    assert after(printed(voc_fcn8s=facts), "FCN-8s staged", 2).strip() == note


def test_mini_experiments_stand_apart(printed):
    lines = printed(mini_fcn8s={}, my_own={})
    other, mini = place(lines, "Runs that no table"), place(lines, "not PASCAL VOC")
    assert [line.split()[0] for line in lines[other + 3 : mini - 1]] == ["my-own"]
    assert [line.split()[0] for line in lines[mini + 3 :]] == ["mini-fcn8s"]
    assert sum("mini-fcn8s" in line for line in lines) == 1


def test_every_way_of_counting_a_subset_is_printed(printed):
    subsets = {"59 classes": Subset((1,), np.diag([0, 10]))}
    lines = printed(pascalcontext_fcn8s={"hist": np.array([[5, 5], [0, 10]]), "subsets": subsets, "split": "val"})
    start = place(lines, "^  pascalcontext-fcn8s")
    assert [line.split()[-2] for line in lines[start : start + 4]] == ["58.33", "66.67", "100.00", "100.00"]
    assert lines[start + 1].strip().startswith("59 classes, other pixels count against it")


def test_tables_are_printed_in_other_formats(printed):
    assert "voc-fcn8s,85.00,85.00,73.86,73.86," in printed("csv", voc_fcn8s={})
    assert any(line.startswith(r"\begin{tabular}") for line in printed("latex"))


def test_a_study_on_voc_stands_below_the_papers_row(printed, tmp_path):
    lines = [StudyLine("factor 128", {"mean_iu": 52.187, "exact cells": 51.53})]
    for data in ("voc", "mini"):
        write_study(StudyResult("upper-bounds", "", data, lines, find_paper_table("upper-bounds")), tmp_path)
    found = printed()
    assert after(found, "factor 128").split() == ["mean", "IU", "52.19"]
    assert after(found, "factor 128", 2).split() == ["exact", "cells", "51.53"]
    assert sum("52.19" in line for line in found) == 1
    (tmp_path / "studies" / "voc-upper-bounds.json").write_text("{")
    assert not any("52.19" in line for line in printed())
