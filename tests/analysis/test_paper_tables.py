import csv

import numpy as np
import pytest

from fcn_repro.analysis.paper_tables import FOLDER, countings, measured, tables
from fcn_repro.evaluation.class_subsets import WAYS, Subset
from fcn_repro.evaluation.evaluate import Score
from fcn_repro.evaluation.metrics import METRICS
from fcn_repro.evaluation.score_report import build_report, write_report

SURE = {"CVPR", "v2", "README", "WK", "ABS", "SPK", "PWC", "ISS", "THEIRS", "MEM"}
TABLES = {table.table: table for table in tables()}


def cells(table):
    return {(cell.row, cell.metric): cell for cell in TABLES[table].cells}


def four(table, row):
    return [cells(table)[row, metric].value for metric in METRICS]


def test_the_index_names_every_file_and_every_file_is_named():
    assert {path.stem for path in FOLDER.glob("*.csv")} == {*TABLES, "tables"}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.csv")), ids=lambda path: path.stem)
def test_every_line_has_as_many_cells_as_the_header(path):
    with open(path, newline="", encoding="utf-8") as file:
        header, *lines = list(csv.reader(file))
    assert all(len(line) == len(header) for line in lines)


@pytest.mark.parametrize("table", TABLES)
def test_every_number_says_where_it_was_read(table):
    for cell in TABLES[table].cells:
        assert cell.sure.split() and set(cell.sure.split()) <= SURE, cell


@pytest.mark.parametrize("table", TABLES)
def test_no_cell_is_given_twice(table):
    keys = [(cell.row, cell.metric) for cell in TABLES[table].cells if cell.metric]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("table", TABLES)
def test_scores_are_percentages(table):
    for cell in TABLES[table].cells:
        if cell.metric in METRICS:
            assert 0 < float(cell.value) < 100


@pytest.mark.parametrize("table", TABLES)
def test_a_claim_without_a_number_says_what_it_claims(table):
    assert all(cell.value or cell.note for cell in TABLES[table].cells)


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
    assert four("skips-cvpr", "FCN-8s") == ["90.3", "75.9", "62.7", "83.2"]
    assert four("nyud-cvpr", "FCN-32s RGB-HHA") == ["64.3", "44.9", "32.8", "48.0"]
    assert four("pascal-context-v2", "FCN-8s (59)") == ["65.9", "46.5", "35.1", "51.0"]
    assert cells("voc-test")["FCN-8s (PAMI)", "mean_iu_voc2012_test"].value == "67.2"
    assert cells("cues")["Shape", "mean_iu_without_background"].value == "29.1"


def test_numbers_that_were_only_recalled_are_told_from_those_that_were_read():
    assert cells("skips-pami")["FCN-pool3", "mean_iu"].is_recalled
    assert not cells("skips-pami")["FCN-pool4", "mean_iu"].is_recalled


def test_values_are_in_percent_and_geometry_is_the_second_heads(tmp_path):
    scores = {
        "score_sem": Score(np.array([[1, 1], [0, 2]]), 0.0),
        "score_geo": Score(np.array([[9, 1], [0, 0]]), 0.0),
    }
    (tmp_path / "siftflow").mkdir()
    write_report(tmp_path / "siftflow" / "score.json", build_report({"experiment": "siftflow"}, scores, []))
    (report,) = measured(tmp_path)
    (counting,) = countings(report)
    assert counting["pixel_accuracy"] == pytest.approx(75)
    assert counting["geometric_accuracy"] == pytest.approx(90)
    assert counting["forward_ms"] is None


def test_the_references_way_of_counting_is_told_where_it_differs():
    hist = np.array([[6, 0, 2], [0, 4, 0], [0, 0, 0]])  # the third class is predicted, and nowhere
    papers, references = countings(build_report({}, {"score": Score(hist, 0.0)}, []))
    assert papers["mean_iu"] == pytest.approx(100 * (6 / 8 + 1) / 2)
    assert references["mean_iu"] == pytest.approx(100 * (6 / 8 + 1 + 0) / 3)
    assert references["pixel_accuracy"] is None


def test_a_subset_is_told_in_every_way_of_counting():
    score = Score(np.array([[5, 5], [0, 10]]), 0.0, subsets={"one class": Subset((1,), np.array([[0, 0], [0, 10]]))})
    whole, *ways = countings(build_report({}, {"score": score}, []))
    assert [way.label for way in ways] == [f"one class, {words}" for words in WAYS.values()]
    assert [way["mean_iu"] for way in ways] == pytest.approx([100 * 10 / 15, 100, 100])


def test_scores_of_other_weights_are_found_beside_those_of_the_run(tmp_path):
    (tmp_path / "voc-fcn8s").mkdir()
    for name in ("score.json", "fcn8s-heavy-pascal.score.json"):
        write_report(tmp_path / "voc-fcn8s" / name, build_report({"weights": name}, {}, []))
    assert [report["weights"] for report in measured(tmp_path)] == ["fcn8s-heavy-pascal.score.json", "score.json"]
