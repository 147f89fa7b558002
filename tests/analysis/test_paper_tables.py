import csv

import numpy as np
import pytest

from fcn_repro.analysis import paper_tables
from fcn_repro.analysis.paper_tables import PaperCell, compare_rows, format_comparison, list_answers, list_variants
from fcn_repro.evaluation.class_subsets import WAYS, Subset
from fcn_repro.evaluation.evaluate import Score
from fcn_repro.evaluation.metrics import METRICS
from fcn_repro.evaluation.score_report import build_report, write_report
from tests.fixtures.result_folders import make_report

SURE = {"CVPR", "v2", "README", "WK", "MCN", "ABS", "SPK", "PWC", "ISS", "THEIRS", "MEM"}
TABLES = {table.table: table for table in paper_tables.read_tables()}


def cells(table):
    return {(cell.row, cell.metric): cell for cell in TABLES[table].cells}


def four(table, row):
    return [cells(table)[row, metric].value for metric in METRICS]


@pytest.mark.parametrize("path", sorted(paper_tables.FOLDER.glob("*.csv")), ids=lambda path: path.stem)
def test_every_line_has_as_many_cells_as_the_header(path):
    with open(path, newline="", encoding="utf-8") as file:
        header, *lines = list(csv.reader(file))
    assert all(len(line) == len(header) for line in lines)


@pytest.mark.parametrize("table", TABLES)
def test_every_cell_is_unique_and_names_its_source_and_a_percentage_or_a_claim(table):
    cells = TABLES[table].cells
    keys = [(cell.row, cell.metric) for cell in cells if cell.metric]
    assert len(keys) == len(set(keys))
    for cell in cells:
        assert cell.sure.split() and set(cell.sure.split()) <= SURE, cell
        assert cell.value or cell.note, cell
        assert cell.metric not in METRICS or 0 < float(cell.value) < 100, cell


def test_tables_of_heavy_learning_round_the_released_weights_scores():
    for row, released in (
        ("FCN-32s", "fcn32s-heavy-pascal"),
        ("FCN-16s", "fcn16s-heavy-pascal"),
        ("FCN-8s at-once", "fcn8s-atonce-pascal"),
        ("FCN-8s staged", "fcn8s-heavy-pascal"),
    ):
        exact = np.array(four("released", released), float)
        assert np.abs(np.array(four("skips-pami", row), float) - exact).max() < 0.06


def test_spot_checks_against_the_printed_tables():
    assert {path.stem for path in paper_tables.FOLDER.glob("*.csv")} == {*TABLES, "tables"}
    assert four("skips-cvpr", "FCN-8s") == ["90.3", "75.9", "62.7", "83.2"]
    assert four("nyud-cvpr", "FCN-32s RGB-HHA") == ["64.3", "44.9", "32.8", "48.0"]
    assert four("pascal-context-v2", "FCN-8s (59)") == ["65.9", "46.5", "35.1", "51.0"]
    assert cells("voc-test")["FCN-8s (PAMI)", "mean_iu_voc2012_test"].value == "67.2"
    assert cells("cues")["Shape", "mean_iu_without_background"].value == "29.1"
    assert cells("skips-pami")["FCN-pool3", "mean_iu"].is_recalled
    assert not cells("skips-pami")["FCN-pool4", "mean_iu"].is_recalled


def test_values_are_in_percent_and_geometry_is_the_second_heads(tmp_path):
    scores = {
        "score_sem": Score(np.array([[1, 1], [0, 2]]), 0.0),
        "score_geo": Score(np.array([[9, 1], [0, 0]]), 0.0),
    }
    (tmp_path / "siftflow").mkdir()
    write_report(tmp_path / "siftflow" / "score.json", build_report({"experiment": "siftflow"}, scores, []))
    (report,) = paper_tables.read_reports(tmp_path)
    (variant,) = list_variants(report)
    assert variant["pixel_accuracy"] == pytest.approx(75)
    assert variant["geometric_accuracy"] == pytest.approx(90)
    assert variant["forward_ms"] is None


def test_the_references_way_of_counting_is_listed_where_it_differs():
    hist = np.array([[6, 0, 2], [0, 4, 0], [0, 0, 0]])  # the third class is predicted, and nowhere
    papers, references = list_variants(build_report({}, {"score": Score(hist, 0.0)}, []))
    assert papers["mean_iu"] == pytest.approx(100 * (6 / 8 + 1) / 2)
    assert references["mean_iu"] == pytest.approx(100 * (6 / 8 + 1 + 0) / 3)
    assert references["pixel_accuracy"] is None


def test_a_subset_is_listed_in_every_way_of_counting():
    score = Score(np.array([[5, 5], [0, 10]]), 0.0, subsets={"one class": Subset((1,), np.array([[0, 0], [0, 10]]))})
    whole, *ways = list_variants(build_report({}, {"score": score}, []))
    assert [way.label for way in ways] == [f"one class, {words}" for words in WAYS.values()]
    assert [way["mean_iu"] for way in ways] == pytest.approx([100 * 10 / 15, 100, 100])


def test_scores_of_other_weights_are_found_beside_those_of_the_run(tmp_path):
    (tmp_path / "voc-fcn8s").mkdir()
    for name in ("score.json", "fcn8s-heavy-pascal.score.json"):
        write_report(tmp_path / "voc-fcn8s" / name, build_report({"weights": name}, {}, []))
    found = [report["weights"] for report in paper_tables.read_reports(tmp_path)]
    assert found == ["fcn8s-heavy-pascal.score.json", "score.json"]


def make_cell(value="85.3", metric="pixel_accuracy", **facts):
    return PaperCell(**{"row": "FCN-8s", "sure": "CVPR", "experiment": "voc-fcn8s", "note": "", **facts}, metric=metric,
                     value=value)  # fmt: skip


def join(cells, *reports):
    """The rows of a table joined with reports, and the table."""
    table, answers = paper_tables.PaperTable("t", "Table 1", "CVPR", "val", tuple(cells)), {}
    for report in reports:
        answers.setdefault(report["experiment"], []).extend(list_answers(report, "val"))
    return compare_rows(table, answers), table


@pytest.mark.parametrize(
    "facts, is_comparable", [({}, True), ({"shortened": True}, False), ({"split": "other"}, False)]
)  # fmt: skip
def test_only_whole_runs_on_the_same_images_are_comparable(facts, is_comparable):
    answer, *_ = list_answers(make_report(**{"split": "val", **facts}), "val")
    assert answer.is_comparable == is_comparable and bool(answer.note) != is_comparable


def test_rows_join_answers_by_experiment_and_name_missing_runs():
    cells = [make_cell(), make_cell("73.0", "mean_iu"), make_cell(row="other", experiment="my-run", note="so it is")]
    (row, other), _ = join(cells, make_report(split="val"))
    assert [answer.label for answer in row.answers] == ["voc-fcn8s"] and row.missing == [] and row.note == ""
    assert (other.answers, other.missing, other.note) == ([], ["my-run"], "so it is")


def test_further_ways_of_counting_answer_where_they_have_a_value_for_the_rows_task():
    absent = np.array([[6, 0, 2], [0, 4, 0], [0, 0, 0]])  # the reference's script counts a zero for the third class
    ((row,), _) = join([make_cell("80", "mean_iu")], make_report(absent, split="val"))
    assert [answer.label for answer in row.answers] == ["voc-fcn8s", "as the reference's script counts"]
    subsets = {"59 classes": Subset((1,), np.diag([0, 10])), "33 classes": Subset((1,), np.diag([0, 10]))}
    ((row,), _) = join([make_cell("80", "mean_iu", task="59 classes")], make_report(subsets=subsets))
    assert [answer.label.split(",")[0] for answer in row.answers[1:]] == ["59 classes"] * 3


def test_tables_of_many_metrics_have_a_row_for_each_number_in_every_format():
    cells = [make_cell(str(i), f"metric_{i}", note="so it is") for i in range(5)] + [make_cell("85", sure="MEM")]
    rows, table = join(cells, make_report(split="val"))
    assert len(rows) == 6 and rows[0].missing == ["voc-fcn8s"] and [a.label for a in rows[-1].answers] == ["voc-fcn8s"]
    lines = format_comparison(table, rows, "csv").splitlines()
    assert lines[:3] == ["row,metric,value,note", "FCN-8s,metric 0,0,so it is", "voc-fcn8s,metric 0,.,"]
    assert lines[-2:] == ["FCN-8s,pixel acc.,85?,", "voc-fcn8s,pixel acc.,85.00,"]


def test_wide_tables_have_notes_in_a_column_or_in_text_on_a_line():
    rows, table = join([make_cell()], make_report(split="other", images=4))
    note = "scored on 4 images of other"
    ours, below = format_comparison(table, rows).splitlines()[3:]
    assert ours.startswith("  voc-fcn8s ") and ours.endswith(" 85.00") and below == f"      {note}"
    assert format_comparison(table, rows, "github").splitlines()[-1].count(note) == 1
    assert f"85.00,{note}" in format_comparison(table, rows, "csv")


def test_every_table_fits_a_terminal():
    for table in TABLES.values():
        text = format_comparison(table, compare_rows(table, {}))
        assert max(map(len, text.splitlines())) <= 120
