import argparse
import runpy
import sys

import pytest

from tools import explain


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def printed(capsys, experiment: str, size: tuple) -> str:
    explain.main(argparse.Namespace(experiment=experiment, size=size, format="text"))
    return capsys.readouterr().out


def test_explains_every_layer_and_every_offset(capsys):
    out = printed(capsys, "mini-fcn8s", (375, 500))
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line and not line.startswith(" ")}
    assert " ".join(rows["pool3"][2:]) == "2 / 2 32 72 x 88 -95.5 8 44"
    assert " ".join(rows["fc7"][-7:-1]) == "12 x 16 12.5 32 404"
    assert "375 x 500 0 1 460" in " ".join(rows["score"])
    assert "relu1_1" not in rows
    for paragraph in ("score_pool4c: offset 5", "score_pool3c: offset 9", "score: offset 31", "upscore8: kernel 16"):
        assert paragraph in out


def test_a_classifier_has_positions_up_to_its_fc_layers(capsys):
    out = printed(capsys, "mini-vgg16", (96, 96))
    (fc6,) = [line.split() for line in out.splitlines() if line.startswith("fc6")]
    assert fc6[:2] == ["fc6", "InnerProduct"]
    assert len(fc6) == 4  # with its channels and parameters


@pytest.mark.parametrize("size", ["375", "375x", "0x500", "axb"])
def test_other_sizes_are_refused(size: str, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["explain.py", "voc-fcn8s", "--size", size])
    with pytest.raises(SystemExit) as refused:
        runpy.run_path(explain.__file__, run_name="__main__")
    assert refused.value.code == 2
    assert f"got '{size}', expected HEIGHTxWIDTH, such as 375x500" in capsys.readouterr().err
