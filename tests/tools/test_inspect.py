"""The page of a net is written for experiments and for files, with weights, and never over its prototxt."""

import argparse
from pathlib import Path

import pytest

from fcn_repro import caffe
from fcn_repro.errors import DataError
from tools import inspect

NET = """layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer { name: "c" type: "Convolution" bottom: "data" top: "c" convolution_param { num_output: 2 kernel_size: 3 } }
"""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(net, phase="deploy", size=(40, 56), against=None, weights=None, out=None):
    inspect.main(argparse.Namespace(net=net, phase=phase, size=size, against=against, weights=weights, out=out))


def test_experiments_are_written_first_and_compared(capsys):
    run("mini-fcn8s", "train", against="mini-fcn16s")
    assert capsys.readouterr().out.splitlines()[-1] == "build/inspect/mini-fcn8s-train-against-mini-fcn16s.html"
    page = Path("build/inspect/mini-fcn8s-train-against-mini-fcn16s.html").read_text(encoding="utf-8")
    assert '"size": [40, 56]' in page and '"score_pool3": "added"' in page and '"base_lr": null' not in page


def test_weights_of_any_net_are_shown():
    Path("net.prototxt").write_text(NET)
    caffe.Net("net.prototxt", caffe.TEST).save("net.caffemodel")
    run("net.prototxt", weights="net.caffemodel")
    assert '"filters": "data:image/png;base64,' in Path("build/inspect/net.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (dict(net="missing.prototxt"), DataError, "missing.prototxt: no such file"),
        (dict(net="net.prototxt", out="net.prototxt"), DataError, "replaces the input net.prototxt"),
        (dict(net="net.prototxt", size=(2, 8)), ValueError, "'c'"),
    ],
)
def test_bad_input_is_refused_and_kept(options, error, message):
    Path("net.prototxt").write_text(NET)
    with pytest.raises(error, match=message):
        run(**options)
    assert Path("net.prototxt").read_text() == NET
