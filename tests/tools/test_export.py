import runpy
import sys

import pytest
import torch
from google.protobuf import text_format

from fcn_repro.model.run_folder import CLASSIFIER_NETS, RunFolder, converted
from tests.model.exchange.test_export import message, write_net
from tests.model.exchange.test_torchvision_vgg16 import SMALL
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
    return write_net(RunFolder("cows-fcn8s"), text_format.MessageToString(message("vgg16-8s")))


@pytest.mark.parametrize(
    ("to", "files"), [("onnx", {"cows-fcn8s.onnx"}), ("torch", {"cows_fcn8s.py", "cows_fcn8s.pt"})]
)
def test_export_writes_compares_and_tells_the_difference(run, model, to, files):
    status, told, _ = run(export, "cows-fcn8s", "--to", to)
    assert status == 0
    assert {path.name for path in (model.path / "export").iterdir()} == files
    assert told.count("worst difference") == 3 and "64 x 96: worst difference" in told


def test_export_without_weights_says_what_to_do(run, model):
    model.final.unlink()
    (model.path.parents[1] / "data").mkdir(exist_ok=True)
    status, _, said = run(export, "cows-fcn8s", "--to", "onnx")
    assert status == 3 and "missing" in said


def write_small(name: str) -> None:
    """The small classifier, and its convolutional form, in the places of VGG-16's."""
    path = RunFolder(name, CLASSIFIER_NETS).deploy
    path.parent.mkdir(parents=True)
    conv = 'type: "Convolution" bottom: "conv1_1" top: "fc6" convolution_param { num_output: 4 kernel_size: 8 }'
    dense = 'type: "InnerProduct" bottom: "conv1_1" top: "fc6" inner_product_param { num_output: 4 }'
    assert dense in SMALL
    path.write_text(SMALL.replace(dense, conv) if name.endswith("-fcn") else SMALL)


def test_imported_weights_are_written_in_both_layouts(run, monkeypatch, tmp_path):
    monkeypatch.setattr("tools.emit.emit_classifier", write_small)
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 3), torch.nn.Linear(320, 4))
    torch.save({"state_dict": net.state_dict()}, tmp_path / "vgg.pth")
    status, told, _ = run(import_weights, "vgg.pth")
    assert status == 0 and "reshaped    1: fc6" in told
    assert converted("vgg16-imported").exists() and converted("vgg16-fcn").exists()


def test_importing_a_file_that_is_not_there_is_refused(run):
    status, _, said = run(import_weights, "none.pth")
    assert status == 3 and "none.pth: no state_dict" in said
