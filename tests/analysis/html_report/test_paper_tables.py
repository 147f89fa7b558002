import re
from html import unescape

import numpy as np
import pytest

from fcn_repro.analysis.html_report.paper_tables import answers_of, paper_table
from fcn_repro.analysis.paper_tables import Cell, Table
from fcn_repro.evaluation.class_subsets import Subset
from fcn_repro.evaluation.evaluate import Score
from fcn_repro.evaluation.score_report import build_report
from tests.fixtures.html_document import Document

HIST = np.array([[90, 10], [20, 80]])  # pixel accuracy 85.00, mean IU 73.86


def cell(value="85.3", metric="pixel_accuracy", **facts):
    facts = {"row": "FCN-8s", "sure": "CVPR", "experiment": "voc-fcn8s", "note": "", **facts}
    return Cell(metric=metric, value=value, **facts)


def report(hist=HIST, subsets=None, **facts):
    facts = {"experiment": "voc-fcn8s", "trained": 9, "recipe": 9, "shortened": False, "split": "val", **facts}
    return build_report({"images": 4, **facts}, {"score": Score(hist, 0.0, 0, subsets or {})}, [])


def lines(cells, *reports):
    """The table's body as lists of texts."""
    answers = {}
    for each in reports:
        answers.setdefault(each["experiment"], []).extend(answers_of(each, "val"))
    text = paper_table(Table("t", "Table 1", "CVPR", "val", tuple(cells)), answers)
    Document(text)
    rows = re.findall(r"<tr>(.*?)</tr>", text.partition("<tbody>")[2])
    return [
        [" ".join(unescape(re.sub("<[^>]*>", " ", each)).split()) for each in re.findall(r"<t[hd].*?</t[hd]>", row)]
        for row in rows
    ]


def test_paper_measured_and_difference_stand_side_by_side():
    ((_, *numbers),) = lines([cell(), cell("73.0", "mean_iu")], report())
    assert numbers == ["85.3", "85.00", "\u22120.30", "73.0", "73.86", "+0.86"]


def test_what_was_not_run_is_blank_and_named():
    ((label, *numbers),) = lines([cell()])
    assert numbers == ["85.3", "", ""] and "voc-fcn8s: not run" in label


def test_recalled_numbers_are_marked():
    ((_, paper, *_),) = lines([cell(sure="MEM")])
    assert paper.split() == ["85.3", "?"]


@pytest.mark.parametrize(
    "value, facts, kind",
    [
        ("85.5", {}, "near"),
        ("85.6", {}, "far"),
        ("85.5", {"shortened": True}, "moot"),
        ("85.5", {"split": "other"}, "moot"),
    ],
)
def test_differences_are_coloured_only_where_they_mean_something(value, facts, kind):
    (answer, *_) = answers = list(answers_of(report(**facts), "val"))
    text = paper_table(Table("t", "", "", "val", (cell(value),)), {"voc-fcn8s": answers})
    assert re.findall(r'class="number (near|far|moot)"', text) == [kind]
    assert answer.comparable == (kind != "moot")


def test_a_claim_without_a_number_has_no_difference():
    assert lines([cell("about half")], report())[0][1:] == ["about half", "85.00", ""]


def test_further_answers_get_lines_of_their_own_without_the_papers_number():
    absent = np.array([[6, 0, 2], [0, 4, 0], [0, 0, 0]])  # the reference's script counts a zero for the third class
    first, second = lines([cell("80", "mean_iu")], report(absent))
    assert first[1:] == ["80", "87.50", "+7.50"]
    assert second == ["as the reference's script counts", "", "58.33", "\u221221.67"]


def test_only_ways_of_counting_a_rows_own_task_answer_it():
    subsets = {"59 classes": Subset((1,), np.diag([0, 10])), "33 classes": Subset((1,), np.diag([0, 10]))}
    found = lines([cell("80", "mean_iu", task="59 classes")], report(subsets=subsets))
    assert [line[0].split(",")[0] for line in found[1:]] == ["59 classes"] * 3


def test_tables_of_many_metrics_are_lists():
    cells = [cell(str(i), f"metric_{i}", note="so it is") for i in range(5)] + [cell("85", "pixel_accuracy")]
    found = lines(cells, report())
    assert found[0] == ["FCN-8s voc-fcn8s: not run", "metric 0", "0", "", "", "so it is"]
    assert found[-1][1:] == ["pixel acc.", "85", "85.00", "+0.00", ""]
