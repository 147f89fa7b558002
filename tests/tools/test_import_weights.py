"""The program that imports weights: it prints what it read, writes both forms of a classifier, and asks if in doubt."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from fcn_repro.engine import caffe
from fcn_repro.model.run_folder import CLASSIFIER_NETS, RunFolder, classifier_weights
from fcn_repro.model.weights_origin import read_origin
from nets import fcn, ilsvrc
from tests.fixtures import foreign_weights as foreign
from tests.fixtures.export_nets import SMALL_VGG
from tools import import_weights

WIDTH = 1 / 16


@pytest.fixture
def run(tmp_path, monkeypatch, run_program):
    """Runs the program in an empty folder: its exit status and what it printed."""
    monkeypatch.chdir(tmp_path)
    return partial(run_program, import_weights)


@pytest.fixture
def narrow(monkeypatch):
    """The nets at a part of their width, for every program; random weights of one by name."""
    for table, names in ((ilsvrc.CLASSIFIERS, ("vgg16", "alexnet", "caffenet")), (fcn.FCNS, ("vgg16-8s",))):
        for name in names:
            style = replace(table[name].style, width=WIDTH)
            monkeypatch.setitem(table, name, replace(table[name], style=style))

    def fill(name):
        from solvers.emit import emit_deploy

        return foreign.fill(caffe.Net(str(emit_deploy(name)), caffe.TEST))

    return fill


def test_a_classifier_is_written_in_both_layouts_with_its_origin(run, narrow):
    layers = narrow("vgg16")
    foreign.write_keras("keras.h5", layers)
    status, printed, _ = run("keras.h5")
    assert status == 0
    assert "keras.h5: read 16 layers of vgg16, imported: keras.h5, Keras HDF5, Keras" in printed
    dense, convolutional = classifier_weights("vgg16-imported"), classifier_weights("vgg16-fcn")
    assert str(read_origin(convolutional)) == str(read_origin(dense)) == "imported: keras.h5, Keras HDF5, Keras"
    deploy = RunFolder("vgg16-fcn", CLASSIFIER_NETS).deploy
    net = caffe.Net(str(deploy), caffe.TEST, weights=str(convolutional))
    assert all(np.array_equal(net.params[name][0].data.ravel(), pair[0].ravel()) for name, pair in layers.items())


def test_an_fcn_is_written_for_its_run(run, narrow):
    foreign.write_chainer("fcn8s.npz", narrow("voc-fcn8s"))
    status, printed, _ = run("fcn8s.npz")
    assert status == 0 and "of voc-fcn8s" in printed
    assert classifier_weights("voc-fcn8s-imported").is_file()
    assert not classifier_weights("voc-fcn8s-fcn").exists()


@pytest.mark.parametrize("name", ["alexnet", "caffenet"])
def test_alexnet_or_caffenet_is_asked_for_where_the_file_does_not_say(run, narrow, name):
    foreign.write_chainer("x.npz", narrow(name))
    status, _, error = run("x.npz")
    assert status == 3 and "x.npz: AlexNet and CaffeNet have these layers. Fix: --net alexnet, or caffenet" in error
    status, _, _ = run("x.npz", "--net", name)
    assert status == 0 and classifier_weights(f"{name}-fcn").is_file()


def test_weights_trained_elsewhere_are_marked_unless_their_images_are_caffes(run, narrow):
    layers = narrow("vgg16")
    foreign.write_torch("vgg16-397923af.pth", foreign.name_torchvision(layers))
    status, printed, _ = run("vgg16-397923af.pth")
    assert status == 0 and "TRAINED ELSEWHERE: vgg16-397923af.pth" in printed
    assert read_origin(classifier_weights("vgg16-fcn")).trained_elsewhere
    status, printed, _ = run("vgg16-397923af.pth", "--images", "caffe")
    assert status == 0 and "ELSEWHERE" not in printed
    assert not read_origin(classifier_weights("vgg16-fcn")).trained_elsewhere


def test_another_net_is_refused_and_earlier_files_stay(run, narrow):
    layers = narrow("vgg16")
    foreign.write_keras("keras.h5", layers)
    assert run("keras.h5")[0] == 0
    before = classifier_weights("vgg16-fcn").read_bytes()
    foreign.write_keras("other.h5", {**layers, "fc8": [layers["fc8"][0][:7], layers["fc8"][1][:7]]})
    status, _, error = run("other.h5")
    assert status == 3 and "other.h5: [7, 256] where fc8 has [1000, 256]; expected vgg16" in error
    assert classifier_weights("vgg16-fcn").read_bytes() == before


def write_small(name: str) -> None:
    """The small classifier, and its convolutional form, in the places of VGG-16's."""
    path = RunFolder(name, CLASSIFIER_NETS).deploy
    path.parent.mkdir(parents=True)
    conv = 'type: "Convolution" bottom: "conv1_1" top: "fc6" convolution_param { num_output: 4 kernel_size: 8 }'
    dense = 'type: "InnerProduct" bottom: "conv1_1" top: "fc6" inner_product_param { num_output: 4 }'
    assert dense in SMALL_VGG
    path.write_text(SMALL_VGG.replace(dense, conv) if name.endswith("-fcn") else SMALL_VGG)


def test_layers_without_known_names_are_taken_for_vgg16(run, monkeypatch):
    monkeypatch.setattr("solvers.emit.emit_classifier", write_small)
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 3), torch.nn.Linear(320, 4))
    torch.save({"state_dict": net.state_dict()}, "vgg.pth")
    status, printed, _ = run("vgg.pth")
    assert status == 0 and "reshaped    1: fc6" in printed and "layers in order, without known names" in printed
    assert classifier_weights("vgg16-imported").exists() and classifier_weights("vgg16-fcn").exists()


def test_importing_a_missing_file_is_refused(run):
    status, _, error = run("none.pth")
    assert status == 3 and error.startswith("none.pth: No such file or directory. Expected weights as PyTorch (zip), ")
