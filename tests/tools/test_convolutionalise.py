import argparse

import numpy as np
import pytest

from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model.run_folder import CLASSIFIER_NETS, RunFolder
from tools import convolutionalise

CLASSIFIER = "mini-vgg16"


@pytest.fixture
def classifier(tmp_path, monkeypatch):
    """The mini classifier with random weights, as its run would have left it."""
    monkeypatch.chdir(tmp_path)
    folder = RunFolder(CLASSIFIER)
    convolutionalise.emit_experiment(convolutionalise.EXPERIMENTS[CLASSIFIER])
    net = caffe.Net(str(folder.deploy), caffe.TEST)
    random = np.random.default_rng(0)
    for name, blobs in net.params.items():
        for blob in blobs:
            blob.data[...] = random.normal(size=blob.data.shape) / np.sqrt(net.params[name][0].data[0].size / 2)
    net.save(str(folder.final))
    return net


def test_one_command_makes_a_classifier_convolutional_with_the_same_numbers(classifier, tmp_path, capsys):
    convolutionalise.main(argparse.Namespace(classifier=CLASSIFIER, weights=None))
    out, weights = capsys.readouterr().out, tmp_path / f"build/{CLASSIFIER}-fcn.caffemodel"
    assert "reshaped    3: fc6 fc7 fc8" in out
    assert "untouched" not in out
    assert out.splitlines()[-1] == f"build/{CLASSIFIER}-fcn.caffemodel"
    prototxt = RunFolder(f"{CLASSIFIER}-fcn", CLASSIFIER_NETS).deploy
    convolutional = caffe.Net(str(prototxt), caffe.TEST, weights=str(weights))
    for name, blobs in convolutional.params.items():
        assert all(np.array_equal(blobs[i].data.flat, classifier.params[name][i].data.flat) for i in range(2))
    assert convolutional.params["fc6"][0].data.ndim == 4
    elsewhere, written = tmp_path / "elsewhere.caffemodel", weights.read_bytes()
    RunFolder(CLASSIFIER).final.rename(elsewhere)
    weights.unlink()
    convolutionalise.main(argparse.Namespace(classifier=CLASSIFIER, weights=elsewhere))
    assert weights.read_bytes() == written


def test_a_classifier_that_was_not_trained_is_named_with_its_target(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"build/mini-vgg16/final\.caffemodel: missing\. Fix: make mini-vgg16"):
        convolutionalise.main(argparse.Namespace(classifier=CLASSIFIER, weights=None))
