"""The list of runs: the paper's row, cost and status of each."""

import argparse
import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from fcn_repro.model.run_folder import RunFolder, Snapshot
from fcn_repro.training.checkpoint_files import write_state
from solvers.experiments import EXPERIMENTS
from tools import experiments

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def listing(tmp_path, monkeypatch, capsys):
    """The program's output in a repository without runs, or with those of the test."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(REPOSITORY / "data/paper", "data/paper")

    def run(*data: str, as_csv: bool = False) -> str:
        experiments.main(argparse.Namespace(data=data, csv=as_csv))
        return capsys.readouterr().out

    return run


def of(text: str, run: str) -> str:
    (line,) = (line for line in text.splitlines() if line.startswith(f"{run} "))
    return line


def finished(run: str, trained: int | None, mean_iu: float) -> None:
    folder = RunFolder(run)
    folder.path.mkdir(parents=True)
    folder.final.touch()
    folder.score.write_text(json.dumps({"trained": trained, "scores": {"score": {"mean_iu": mean_iu}}}))


def snapshot(files: Snapshot, complete: bool) -> None:
    files.weights.parent.mkdir(parents=True, exist_ok=True)
    for path in files.weights, files.history:
        path.write_bytes(b"1234")
    if complete:
        write_state(files, {})


def test_every_run_has_a_line_no_wider_than_a_terminal(listing):
    lines = listing().splitlines()
    assert {line.split()[0] for line in lines if line and ":" not in line} == {"run", *EXPERIMENTS}
    assert max(map(len, lines)) <= 120


def test_a_line_shows_the_papers_row_the_start_the_recipe_and_the_cost(listing):
    printed = listing("voc", "nyud")
    assert of(printed, "voc-fcn32s-online").split() == [
        *("voc-fcn32s-online", "PAMI", "T2", "60.7?", "vgg16-fcn", "sum", "1", "0.9", "1e-10"),
        *("100k", "100k", "134M", "not", "started"),
    ]
    assert "CVPR T2 62.4 +1  fcn32s-cvpr " in of(printed, "voc-fcn16s-cvpr")
    assert " 86k not started" in of(printed, "voc-fcn32s-fixed")
    assert " mean 20 0.9  1e-4   100k     2M " in of(printed, "voc-fcn-alexnet")
    assert " fcn32s-{color,hha} " in of(printed, "nyud-fcn32s-color-hha")
    assert "nyud: trained on 795 images of trainval, scored on 654 images of test" in printed
    assert "mini" not in printed


def test_a_line_shows_how_far_a_run_has_come(listing):
    finished("mini-fcn32s", 4000, 0.5689)
    finished("mini-fcn16s", 700, 0.3)
    finished("mini-fcn8s", None, 0.9)  # released weights, scored here, were not trained here
    snapshot(RunFolder("mini-fcn-pool3").snapshot(1000), complete=True)
    snapshot(RunFolder("mini-fcn-pool3").snapshot(1500), complete=False)
    printed = listing("mini")
    assert of(printed, "mini-fcn32s").endswith(" 56.89")
    assert of(printed, "mini-fcn16s").endswith(" 30.00 at 700")
    assert of(printed, "mini-fcn8s").endswith(" not started")
    assert of(printed, "mini-fcn-pool3").endswith(" at 1,000")
    rows = {row["run"]: row for row in csv.DictReader(io.StringIO(listing("mini", as_csv=True)))}
    assert (rows["mini-fcn16s"]["shortened"], rows["mini-fcn32s"]["shortened"]) == ("yes", "no")
    assert (rows["mini-fcn-pool3"]["iteration"], rows["mini-fcn-pool3"]["mean_iu"]) == ("1000", "")


def test_the_csv_has_all_runs_and_every_table_that_cites_one(listing):
    rows = list(csv.DictReader(io.StringIO(listing(as_csv=True))))
    assert [row["run"] for row in rows] == list(EXPERIMENTS)
    first = rows[0]
    assert first["paper"].count(";") == 2
    assert "Table 3: skip architectures, heavy learning: FCN-32s 63.6" in first["paper"]
    assert (first["init"], first["iterations"], first["learnt_parameters"]) == ("vgg16-fcn", "100000", "134346581")
