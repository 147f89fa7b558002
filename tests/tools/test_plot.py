import argparse
from pathlib import Path

import pytest
from PIL import Image

from fcn_repro.errors import DataError
from fcn_repro.model.run_folder import RunFolder
from tests.fixtures.result_folders import log_row, write_log
from tools import plot


def run(*experiments, build=("build",), out=None):
    plot.main(argparse.Namespace(experiments=experiments, build=[Path(b) for b in build], out=out, log=False))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def train(experiment, build="build"):
    folder = RunFolder(experiment, Path(build))
    folder.path.mkdir(parents=True)
    write_log(folder.log, log_row(20, "1.5"), log_row(40, "1.25", "0.5"))


def test_a_run_is_plotted_after_the_stages_it_starts_from(capsys):
    for experiment in ("mini-fcn32s", "mini-fcn8s"):  # the stage between them has no log
        train(experiment)
    run("mini-fcn8s")
    text = Path("build/mini-fcn8s/curves.svg").read_text()
    assert text.index("> mini-fcn32s<") < text.index("> mini-fcn8s<") and "mini-fcn16s" not in text
    with Image.open("build/mini-fcn8s/curves.png") as image:
        assert image.size == (1720, 1200)
    assert capsys.readouterr().out.split() == [f"build/mini-fcn8s/curves.{suffix}" for suffix in ("svg", "png", "pdf")]


def test_several_runs_and_folders_lie_over_each_other_with_a_legend(tmp_path, capsys):
    for build in ("build/seeds/1", "build/seeds/2"):
        train("mini-fcn8s", build)
    run("mini-fcn8s", build=("build/seeds/1", "build/seeds/2"))
    text = Path("build/seeds/1/curves.svg").read_text()
    assert ">build/seeds/1/mini-fcn8s<" in text and ">build/seeds/2/mini-fcn8s<" in text
    train("voc-fcn32s")
    train("voc-fcn8s")
    run("voc-fcn32s", "voc-fcn8s", out=tmp_path / "both.pdf")
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "both.pdf")


def test_a_run_that_was_not_trained_is_an_error_with_its_fix():
    with pytest.raises(DataError, match=r"build/voc-fcn8s/log.csv: missing; .*make voc-fcn8s"):
        run("voc-fcn8s")


def test_a_classifier_is_no_stage_of_the_nets_made_from_it():
    assert plot.list_stages("mini-fcn16s") == ["mini-fcn32s", "mini-fcn16s"]
    assert plot.list_stages("voc-fcn32s") == ["voc-fcn32s"]
