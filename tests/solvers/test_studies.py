"""The table of studies: what it names exists, and its arms are comparable."""

import subprocess
import sys

import pytest

from fcn_repro.analysis.paper_tables import read_tables
from solvers.experiments import EXPERIMENTS, HALF, HEAVY, QUARTER
from solvers.studies import DATA, STUDIES, rules, runs

PAPER = {table.table: table for table in read_tables()}


@pytest.mark.parametrize("study", STUDIES)
def test_every_run_of_a_study_is_in_the_table_of_runs(study):
    for data in STUDIES[study].data:
        assert data in DATA and set(runs(study, data)) <= set(EXPERIMENTS)


@pytest.mark.parametrize("study", STUDIES)
def test_what_a_study_quotes_is_in_the_papers_tables(study):
    row = STUDIES[study]
    assert row.table or row.findings
    assert {cell.row for cell in PAPER["findings"].cells} >= set(row.findings)
    if row.table and row.lines:
        assert {line.label for line in row.lines} <= {cell.row for cell in PAPER[row.table].cells}


@pytest.mark.parametrize("data", ["mini", "voc"])
def test_runs_that_differ_in_their_images_alone_learn_alike(data):
    plain = EXPERIMENTS[f"{data}-fcn32s"]
    for name in ("mirrored", "balanced", "foreground", "background", "shape"):
        row = EXPERIMENTS[f"{data}-fcn32s-{name}"]
        assert (row.net, row.sources, row.regime, row.base_lr) == (plain.net, plain.sources, HEAVY, plain.base_lr)
        assert row.varied


@pytest.mark.parametrize("data", ["mini", "voc"])
def test_an_update_weighs_the_same_whatever_part_of_the_cells_counts(data):
    plain = EXPERIMENTS[f"{data}-fcn32s"]
    for name, regime in ("half", HALF), ("quarter", QUARTER):
        row = EXPERIMENTS[f"{data}-fcn32s-{name}"]
        part = row.varied["keep"]
        assert row.regime == regime and regime.iter_size == 1 / part
        assert row.base_lr / regime.iter_size == pytest.approx(plain.base_lr)  # Caffe takes the mean over iter_size
        assert row.base_lr * regime.weight_decay == pytest.approx(plain.base_lr * HEAVY.weight_decay)


@pytest.mark.parametrize("data", ["mini", "voc"])
def test_runs_of_one_study_that_start_alike_see_as_many_images_or_updates_as_its_shortest(data):
    for study in (study for study in STUDIES.values() if data in study.data):
        rows = [EXPERIMENTS[f"{data}-{line.run}"] for line in study.lines if study.equal]
        for row in rows:
            each = row.regime.iter_size if study.equal == "images" else 1
            alike = [other for other in rows if other.sources == row.sources]
            least = min(
                other.iterations[0] * other.iterations[1] * (other.regime.iter_size if study.equal == "images" else 1)
                for other in alike
            )
            assert least % each == 0 and row.iterations[0] * row.iterations[1] * each >= least


def test_rules_make_a_study_wait_for_its_data_and_runs():
    lines = list(rules())
    assert "runs-of/voc/upper-bounds: data-voc" in lines
    assert "runs-of/mini/balancing: data-mini mini-fcn32s mini-fcn32s-balanced" in lines


def test_the_table_can_be_read_by_make_without_anything_installed():
    command = [sys.executable, "-S", "-m", "solvers.studies"]
    listed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    assert listed == list(STUDIES)
