import pytest
from google.protobuf import text_format

from fcn_repro.engine import caffe
from fcn_repro.model.run_folder import RunFolder
from tests.fixtures.export_nets import make_message, write_net
from tools import export


@pytest.fixture
def run(tmp_path, monkeypatch, run_program):
    """Runs a program in an empty folder: its exit status and what it printed."""
    monkeypatch.chdir(tmp_path)
    return run_program


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
    assert printed.count("largest difference") == 3 and "1 x 3 x 64 x 96: largest difference" in printed


def test_export_without_weights_is_refused(run, model):
    model.final.unlink()
    (model.path.parents[1] / "data").mkdir(exist_ok=True)
    status, _, error = run(export, "cows-fcn8s", "--to", "onnx")
    assert status == 3 and "missing" in error


V1 = """input: "data" input_dim: 2 input_dim: 3 input_dim: 40 input_dim: 40
layers { name: "c/1" type: CONVOLUTION bottom: "data" top: "c/1" convolution_param { num_output: 4 kernel_size: 3
  weight_filler { type: "gaussian" std: 0.1 } } }
layers { name: "r" type: RELU bottom: "c/1" top: "c/1" }
layers { name: "p" type: POOLING bottom: "c/1" top: "p" pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 } }
"""


@pytest.mark.parametrize("to", ["onnx", "torch"])
def test_any_prototxt_is_exported_with_its_weights(run, tmp_path, to):
    (tmp_path / "old.prototxt").write_text(V1)
    caffe.Net("old.prototxt", caffe.TEST).save("old.caffemodel")
    status, printed, error = run(export, "--prototxt", "old.prototxt", "--weights", "old.caffemodel", "--to", to)
    assert (status, error) == (0, "") and printed.count("largest difference") == 3


def test_all_layers_without_an_equivalent_are_named_at_once(run, tmp_path):
    filters = "".join(f'layer {{ name: "f{i}" type: "Filter" bottom: "d" bottom: "s" top: "t{i}" }}' for i in "12")
    text = 'layer { name: "in" type: "Input" top: "d" top: "s" input_param { shape { dim: 2 } shape { dim: 2 } } }'
    (tmp_path / "odd.prototxt").write_text(text + filters)
    caffe.Net("odd.prototxt", caffe.TEST).save("odd.caffemodel")
    status, _, error = run(export, "--prototxt", "odd.prototxt", "--weights", "odd.caffemodel", "--to", "onnx")
    assert status == 1 and "layer f1: got type Filter" in error and "layer f2: got type Filter" in error
    assert not (tmp_path / "export" / "odd.onnx").exists()
