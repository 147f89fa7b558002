import argparse
from pathlib import Path

import pytest
from PIL import Image

from fcn_repro.errors import DataError
from tools import draw


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(net: str, phase: str = "train") -> None:
    draw.main(argparse.Namespace(net=net, phase=phase))


def test_an_experiment_is_drawn_beside_its_prototxt_which_is_made_if_need_be(capsys):
    run("voc-fcn-alexnet", "deploy")
    assert (
        capsys.readouterr().out.splitlines()[-1] == "build/voc-fcn-alexnet/deploy.svg build/voc-fcn-alexnet/deploy.png"
    )
    assert "norm1" in Path("build/voc-fcn-alexnet/deploy.svg").read_text()
    with Image.open("build/voc-fcn-alexnet/deploy.png") as image:
        assert image.height > image.width > 300


def test_what_the_prototxt_says_is_drawn_not_what_would_be_emitted():
    Path("build/voc-fcn8s").mkdir(parents=True)
    Path("build/voc-fcn8s/train.prototxt").write_text('layer { name: "edited" type: "Input" top: "data" }')
    run("voc-fcn8s")
    assert "edited" in Path("build/voc-fcn8s/train.svg").read_text()


def test_any_prototxt_will_do():
    Path("mine.prototxt").write_text('layer { name: "only" type: "Input" top: "data" }')
    run("mine.prototxt")
    assert Path("mine.svg").is_file() and Path("mine.png").is_file()


def test_nets_of_older_formats_are_drawn_as_the_engine_runs_them():
    Path("old.prototxt").write_text('input: "data" layers { name: "r" type: RELU bottom: "data" top: "r" }')
    run("old.prototxt")
    assert 'data-layer="r"' in Path("old.svg").read_text()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("train_net: 'x'", r'bad.prototxt:1:1.*"train_net"'),
        ("name: 'x'", "bad.prototxt: got no `layer`, expected a prototxt"),
    ],
)
def test_files_without_a_net_are_refused(text: str, complaint: str):
    Path("bad.prototxt").write_text(text)
    with pytest.raises((ValueError, RuntimeError), match=complaint):
        run("bad.prototxt")


def test_missing_files_are_refused():
    with pytest.raises(DataError, match="voc-fcn4s: no such file; expected a prototxt, or one of: voc-fcn32s"):
        run("voc-fcn4s")
