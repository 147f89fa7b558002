import json

import pytest

from fcn_repro.analysis.html_report.page import render_page
from fcn_repro.analysis.html_report.studies import is_study_result
from fcn_repro.analysis.paper_tables import read_tables
from fcn_repro.analysis.study_results import StudyLine, StudyResult, find_paper_table, find_statements, write_study
from tests.fixtures.html_document import Document


def make_study(data, **line):
    numbers = {"mean_iu_without_background": 28.5, "background_pixels_left_out": None}
    line = StudyLine("Shape", numbers, f"{data}-fcn32s-shape", 4000, **line)
    statements = find_statements(("Class balancing",))
    paper = find_paper_table("cues")
    return StudyResult("cues", "Do nets see outlines?", data, [line], paper, statements, ["a remark"])


def read_table(build, table):
    text = render_page(build, read_tables()).partition(f'id="paper-{table}"')[2].partition(">")[2]
    return Document(f"<div>{text.partition('</section>')[0]}</div>").text


def test_a_study_is_shown_with_the_papers_row_statements_and_remarks(tmp_path):
    write_study(make_study("mini", shortened=True, note="by hand"), tmp_path)
    text = Document(render_page(tmp_path, read_tables())).text
    assert "Do nets see outlines? cues" not in text and "Do nets see outlines? mini-cues" in text
    assert "Shape mini-fcn32s-shape after 4,000 iterations; SHORTENED; by hand 28.50 paper, seg11valid 29.1" in text
    assert "The paper (CVPR), Class balancing: unnecessary" in text and "a remark" in text
    assert "28.50" not in read_table(tmp_path, "cues")  # of another data set


def test_on_voc_it_answers_the_papers_table(tmp_path):
    write_study(make_study("voc"), tmp_path)
    text = read_table(tmp_path, "cues")
    assert "Shape mean IU without background voc-fcn32s-shape after 4,000" in text and "29.1 28.50 \u22120.60" in text


def test_several_readings_of_a_metric_have_a_line_each(tmp_path):
    bounds = StudyLine("factor 32", {"majority, repeated": 86.3, "area, bilinear": 84.0})
    paper = find_paper_table("upper-bounds")
    write_study(StudyResult("upper-bounds", "How well?", "voc", [bounds], paper), tmp_path)
    text = read_table(tmp_path, "upper-bounds")
    assert "86.1 86.30 +0.20" in text and "area, bilinear 84.00 \u22122.10" in text


@pytest.mark.parametrize(
    "damage",
    [
        {"lines": 3},
        {"lines": [{"label": "Shape", "numbers": {"a": "<script>"}}]},
        {"lines": [{"label": "Shape", "numbers": {}, "run": "r", "iteration": "<script>"}]},
        {"columns": [1]},
        {"paper": {"cells": [{"row": "x"}]}},
        {"findings": None},
    ],
)
def test_json_of_another_shape_is_shown_as_it_is(tmp_path, damage):
    path = write_study(make_study("voc"), tmp_path)
    result = {**json.loads(path.read_text()), **damage}
    assert not is_study_result(result)
    path.write_text(json.dumps(result))
    found = Document(render_page(tmp_path, read_tables()))
    assert "Do nets see outlines?" in found.text and not found.all("script")
