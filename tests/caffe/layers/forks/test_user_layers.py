"""A user's own layer type: its fields by a .proto file, its code by a Python module, as the page shows them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fcn_repro.caffe import TEST, Net
from fcn_repro.caffe.errors import CaffeError

ROOT = Path(__file__).resolve().parents[4]
PAGE = ROOT / "docs/old-caffe-projects.md"


def read_example(language: str) -> str:
    """The page's example file in a language, the one that names the layer Gate."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return next(block for block in blocks if "Gate" in block or "gate_param" in block)


RUN = """
import numpy as np
import fcn_repro.caffe as caffe
caffe.init_log(2)
net = caffe.Net("net.prototxt", caffe.TRAIN)
net.blobs["data"].data[...] = np.arange(6).reshape(1, 3, 1, 2) - 2
net.params["gate"][0].data[...] = 0.5
print((net.forward()["gate"] + 0).ravel().tolist())
net.blobs["gate"].diff[...] = 1
net.backward()
print((net.blobs["data"].diff + 0).ravel().tolist(), net.params["gate"][0].diff.item())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "gate.proto").write_text(read_example("proto"))
    (tmp_path / "gate_layer.py").write_text(
        read_example("py").replace("import caffe", "import fcn_repro.caffe as caffe")
    )
    (tmp_path / "net.prototxt").write_text(
        'force_backward: true layer { name: "data" type: "Input" top: "data" '
        'input_param { shape { dim: 1 dim: 3 dim: 1 dim: 2 } } } ' + read_example("text")
    )  # fmt: skip
    return tmp_path


def run(folder: Path, code: str, **environment: str) -> subprocess.CompletedProcess:
    variables = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}", **environment}
    return subprocess.run([sys.executable, "-c", code], cwd=folder, env=variables, capture_output=True, text=True)


def test_the_pages_layer_runs_with_its_fields_forward_and_backward(folder: Path):
    """Gate: x * w where x exceeds the threshold, 1 in the example; else 0."""
    made = run(folder, RUN, CAFFE_PROTO="gate.proto", CAFFE_LAYERS="gate_layer")
    assert made.stderr == ""
    assert made.stdout.splitlines() == ["[0.0, 0.0, 0.0, 0.0, 1.0, 1.5]", "[0.0, 0.0, 0.0, 0.0, 0.5, 0.5] 5.0"]


def test_without_its_schema_the_field_is_unknown_and_without_its_module_the_type(folder: Path):
    made = run(folder, RUN, CAFFE_LAYERS="gate_layer")
    assert "layer 'gate' (Gate): LayerParameter has no field gate_param" in made.stderr
    assert "its type is unknown" not in made.stderr
    made = run(folder, RUN, CAFFE_PROTO="gate.proto")
    assert "layer 'gate' (Gate): its type is unknown" in made.stderr


def test_refuses_a_module_that_is_missing_and_a_schema_that_is_broken(folder: Path):
    assert (
        "CAFFE_LAYERS: got the module 'absent', which is not on sys.path"
        in run(folder, RUN, CAFFE_LAYERS="absent").stderr
    )
    (folder / "broken.proto").write_text("message {")
    assert "broken.proto:1: got" in run(folder, RUN, CAFFE_PROTO="broken.proto").stderr


def test_a_users_class_stands_in_for_a_forks_layer_but_never_for_caffes(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "import fcn_repro.caffe as caffe\n"
        "class Base(caffe.Layer):\n"
        "    def setup(self, bottom, top): pass\n"
        "    def reshape(self, bottom, top): top[0].reshape(*bottom[0].shape)\n"
        "    def forward(self, bottom, top): top[0].data[...] = 7\n"
        "class Permute(Base): pass\n"
        "class ReLU(Base): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("CAFFE_LAYERS", "mine")
    (tmp_path / "net").write_text(
        'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 } } } '
        'layer { name: "r" type: "ReLU" bottom: "data" top: "r" } '
        'layer { name: "p" type: "Permute" bottom: "r" top: "p" }'
    )
    net = Net(str(tmp_path / "net"), TEST)
    made = net.forward(["r"], data=np.float32([-1, 2]))
    assert (made["r"].tolist(), made["p"].tolist()) == ([0, 2], [7, 7])
    monkeypatch.setenv("CAFFE_LAYERS", "")
    with pytest.raises(CaffeError, match="order"):
        (tmp_path / "net").write_text((tmp_path / "net").read_text()[:-1] + "permute_param { order: 5 } }")
        Net(str(tmp_path / "net"), TEST)
