import runpy
import sys

import pytest
import torch
from google.protobuf import text_format

from fcn_repro.model.run_folder import CLASSIFIER_NETS, RunFolder, classifier_weights
from tests.fixtures.export_nets import SMALL_VGG, make_message, write_net
from tools import export, import_weights


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs a program in an empty folder: its exit status and what it printed."""
    monkeypatch.chdir(tmp_path)

    def program(tool, *arguments):
        monkeypatch.setattr(sys, "argv", [tool.__file__, *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(tool.__file__, run_name="__main__")
        return (ended.value.code, *capsys.readouterr())

    return program


@pytest.fixture
def model(run):
    return write_net(RunFolder("cows-fcn8s"), text_format.MessageToString(make_message("vgg16-8s")))


@pytest.mark.parametrize(
    ("to", "files"), [("onnx", {"cows-fcn8s.onnx"}), ("torch", {"cows_fcn8s.py", "cows_fcn8s.pt"})]
)
def test_export_writes_compares_and_prints_the_difference(run, model, to, files):
    status, printed, _ = run(export, "cows-fcn8s", "--to", to)
    assert status == 0
    assert {path.name for path in (model.path / "export").iterdir()} == files
    assert printed.count("largest difference") == 3 and "64 x 96: largest difference" in printed


def test_export_without_weights_is_refused(run, model):
    model.final.unlink()
    (model.path.parents[1] / "data").mkdir(exist_ok=True)
    status, _, error = run(export, "cows-fcn8s", "--to", "onnx")
    assert status == 3 and "missing" in error


def write_small(name: str) -> None:
    """The small classifier, and its convolutional form, in the places of VGG-16's."""
    path = RunFolder(name, CLASSIFIER_NETS).deploy
    path.parent.mkdir(parents=True)
    conv = 'type: "Convolution" bottom: "conv1_1" top: "fc6" convolution_param { num_output: 4 kernel_size: 8 }'
    dense = 'type: "InnerProduct" bottom: "conv1_1" top: "fc6" inner_product_param { num_output: 4 }'
    assert dense in SMALL_VGG
    path.write_text(SMALL_VGG.replace(dense, conv) if name.endswith("-fcn") else SMALL_VGG)


def test_imported_weights_are_written_in_both_layouts(run, monkeypatch, tmp_path):
    monkeypatch.setattr("solvers.emit.emit_classifier", write_small)
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 3), torch.nn.Linear(320, 4))
    torch.save({"state_dict": net.state_dict()}, tmp_path / "vgg.pth")
    status, printed, _ = run(import_weights, "vgg.pth")
    assert status == 0 and "reshaped    1: fc6" in printed
    assert classifier_weights("vgg16-imported").exists() and classifier_weights("vgg16-fcn").exists()


def test_importing_a_missing_file_is_refused(run):
    status, _, error = run(import_weights, "none.pth")
    assert status == 3 and "expected a state_dict" in error
