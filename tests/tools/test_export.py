import runpy
import sys

import pytest
from google.protobuf import text_format

from fcn_repro.model.run_folder import RunFolder
from tests.fixtures.export_nets import make_message, write_net
from tools import export


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
