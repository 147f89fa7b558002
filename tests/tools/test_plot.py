import argparse
from pathlib import Path

import pytest
from PIL import Image

from fcn_repro.errors import DataError
from fcn_repro.model.run_folder import RunFolder
from tests.analysis.test_curves import log, row
from tools import plot


def options(experiment, build=Path("build")):
    return argparse.Namespace(experiment=experiment, build=build)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def trained(experiment, build=Path("build")):
    folder = RunFolder(experiment, build)
    folder.path.mkdir(parents=True)
    log(folder.log, row(20, "1.5"), row(40, "1.25", "0.5"))
    return folder


def test_a_run_is_plotted_after_the_stages_it_goes_on_from(capsys):
    for experiment in ("mini-fcn32s", "mini-fcn16s", "mini-fcn8s"):
        trained(experiment)
    plot.main(options("mini-fcn8s"))
    text = Path("build/mini-fcn8s/curves.svg").read_text()
    places = [text.index(f">{name}<") for name in ("mini-fcn32s", "mini-fcn16s", "mini-fcn8s")]
    assert places == sorted(places)
    with Image.open("build/mini-fcn8s/curves.png") as picture:
        assert picture.size == (1720, 1200)
    assert capsys.readouterr().out == "build/mini-fcn8s/curves.svg build/mini-fcn8s/curves.png\n"


def test_stages_without_a_curve_are_left_out(tmp_path):
    trained("voc-fcn16s", tmp_path / "elsewhere")
    plot.main(options("voc-fcn16s", tmp_path / "elsewhere"))
    assert "voc-fcn32s" not in (tmp_path / "elsewhere/voc-fcn16s/curves.svg").read_text()


def test_a_run_that_was_not_trained_says_what_to_do():
    with pytest.raises(DataError, match=r"build/voc-fcn8s/log.csv: missing; .*make voc-fcn8s"):
        plot.main(options("voc-fcn8s"))


def test_a_classifier_is_no_stage_of_the_nets_made_from_it():
    assert plot.stages("mini-fcn16s") == ["mini-fcn32s", "mini-fcn16s"]
    assert plot.stages("voc-fcn32s") == ["voc-fcn32s"]
