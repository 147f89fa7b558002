import json

import pytest

from fcn_repro.analysis.html_report.page import page
from fcn_repro.analysis.html_report.studies import is_outcome
from fcn_repro.analysis.paper_tables import tables
from fcn_repro.analysis.study_results import Found, Outcome, findings, paper_table, write
from tests.fixtures.html_document import Document


def outcome(data, study="cues", table="cues", numbers=None, **line):
    numbers = {"mean_iu_without_background": 28.5, "background_pixels_left_out": None} if numbers is None else numbers
    line = Found("Shape", numbers, f"{data}-fcn32s-shape", 4000, **line)
    said = findings(("Class balancing",))
    return Outcome(study, "Do nets see outlines?", data, [line], paper_table(table), said, ["a remark"])


def section(text, start, end):
    return Document(f"<div>{text.partition(start)[2].partition('>')[2].partition(end)[0]}</div>").text


def tables_part(build, table):
    return section(page(build, tables()), f'id="paper-{table}"', "</section>")


def test_a_study_is_shown_with_the_papers_row_the_text_and_the_remarks(tmp_path):
    write(outcome("mini", shortened=True, note="by hand"), tmp_path)
    text = Document(page(tmp_path, tables())).text
    assert "Do nets see outlines? mini-cues" in text
    assert "Shape mini-fcn32s-shape after 4,000 iterations; SHORTENED; by hand 28.50 paper, seg11valid 29.1" in text
    assert "The paper (CVPR), Class balancing: unnecessary" in text and "a remark" in text


def test_on_voc_it_answers_the_papers_table(tmp_path):
    write(outcome("voc"), tmp_path)
    assert "Shape mean IU without background voc-fcn32s-shape after 4,000" in tables_part(tmp_path, "cues")
    assert "29.1 28.50 \u22120.60" in tables_part(tmp_path, "cues")


def test_on_another_data_set_it_does_not(tmp_path):
    write(outcome("mini"), tmp_path)
    assert "28.50" not in tables_part(tmp_path, "cues")


def test_several_readings_of_a_metric_get_a_line_each(tmp_path):
    bounds = Found("factor 32", {"majority, repeated": 86.3, "area, bilinear": 84.0})
    write(Outcome("upper-bounds", "How well?", "voc", [bounds], paper_table("upper-bounds")), tmp_path)
    text = tables_part(tmp_path, "upper-bounds")
    assert "86.1 86.30 +0.20" in text and "area, bilinear 84.00 \u22122.10" in text


@pytest.mark.parametrize(
    "damage",
    [
        {"lines": 3},
        {"lines": [{"label": "Shape", "numbers": {"a": "<script>"}}]},
        {"columns": [1]},
        {"paper": {"cells": [{"row": "x"}]}},
        {"findings": None},
    ],
)
def test_what_is_built_otherwise_is_shown_as_it_is(tmp_path, damage):
    path = write(outcome("voc"), tmp_path)
    result = {**json.loads(path.read_text()), **damage}
    assert not is_outcome(result)
    path.write_text(json.dumps(result))
    assert "Do nets see outlines?" in Document(page(tmp_path, tables())).text
