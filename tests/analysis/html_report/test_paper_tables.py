"""A paper's table on the page: the paper's number, the measured one and their difference."""

import re
from html import unescape

import numpy as np
import pytest

from fcn_repro.analysis.html_report.page import make_environment
from fcn_repro.analysis.html_report.studies import compare
from fcn_repro.analysis.paper_tables import PaperCell, PaperTable
from tests.fixtures.html_document import Document
from tests.fixtures.result_folders import make_report


def make_cell(value="85.3", metric="pixel_accuracy", **facts):
    facts = {"row": "FCN-8s", "sure": "CVPR", "experiment": "voc-fcn8s", "note": "", **facts}
    return PaperCell(metric=metric, value=value, **facts)


def render(cells, *reports):
    table = PaperTable("t", "Table <1>", "CVPR", "val", tuple(cells))
    text = make_environment().get_template("paper_table.html.j2").render(table=table, rows=compare(table, reports, []))
    Document(text)
    return text


def lines(cells, *reports):
    """The table's body as lists of texts."""
    rows = re.findall(r"<tr>(.*?)</tr>", render(cells, *reports).partition("<tbody>")[2], re.S)
    text = lambda cell: " ".join(unescape(re.sub("<[^>]*>", " ", cell)).split())  # noqa: E731
    return [[text(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.S)] for row in rows]


def test_paper_measured_and_difference_stand_side_by_side():
    ((_, *numbers),) = lines([make_cell(), make_cell("73.0", "mean_iu")], make_report(split="val"))
    assert numbers == ["85.3", "85.00", "\u22120.30", "73.0", "73.86", "+0.86"]


def test_missing_runs_are_blank_and_named_and_recalled_numbers_marked():
    ((label, *numbers),) = lines([make_cell(sure="MEM")])
    assert numbers == ["85.3 ?", "", ""] and "voc-fcn8s: not run" in label


@pytest.mark.parametrize(
    "value, facts, kind",
    [
        *(("85.5", {}, "near"), ("85.6", {}, "far")),
        *(("85.5", {"shortened": True}, "moot"), ("85.5", {"split": "other"}, "moot")),
    ],
)
def test_differences_are_coloured_only_where_they_mean_something(value, facts, kind):
    text = render([make_cell(value)], make_report(**{"split": "val", **facts}))
    assert re.findall(r'class="number (near|far|moot)"', text) == [kind]


def test_a_claim_without_a_number_has_no_difference():
    assert lines([make_cell("about half")], make_report(split="val"))[0][1:] == ["about half", "85.00", ""]


def test_further_answers_have_lines_without_the_papers_number():
    absent = np.array([[6, 0, 2], [0, 4, 0], [0, 0, 0]])  # the reference's script counts a zero for the third class
    first, second = lines([make_cell("80", "mean_iu")], make_report(absent, split="val"))
    assert first[1:] == ["80", "87.50", "+7.50"]
    assert second == ["as the reference's script counts", "", "58.33", "\u221221.67"]


def test_tables_of_many_metrics_are_lists():
    cells = [make_cell(str(i), f"metric_{i}", note="so it is") for i in range(5)] + [make_cell("85")]
    found = lines(cells, make_report(split="val"))
    assert found[0] == ["FCN-8s voc-fcn8s: not run", "metric 0", "0", "", "", "so it is"]
    assert found[-1][1:] == ["pixel acc.", "85", "85.00", "+0.00", ""]
