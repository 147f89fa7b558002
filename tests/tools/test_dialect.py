"""tools.dialect writes a fork's net in Caffe's words."""

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import text_format

from fcn_repro.caffe.proto import caffe_pb2
from tests.fixtures.fork_nets import write_net

ROOT = Path(__file__).resolve().parents[2]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "tools.dialect", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture
def net(tmp_path: Path) -> Path:
    (tmp_path / "net.prototxt").write_text(write_net("HED"))
    return tmp_path / "net.prototxt"


def test_writes_the_offsets_and_losses_of_a_dialect(net: Path, tmp_path: Path):
    made = run(tmp_path, str(net), "--dialect", "hed", "--out", str(tmp_path / "caffe.prototxt"))
    assert (made.returncode, made.stdout) == (0, "")
    assert "real Caffe lacks the layer types ClassBalancedSigmoidCrossEntropyLoss" in made.stderr
    written = text_format.Parse((tmp_path / "caffe.prototxt").read_text(), caffe_pb2.NetParameter())
    assert [layer.crop_param.offset[0] for layer in written.layer if layer.type == "Crop"] == [34, 35, 36, 38, 42]


def test_without_a_dialect_it_prints_the_net_and_names_the_traps(net: Path, tmp_path: Path):
    made = run(tmp_path, str(net))
    assert text_format.Parse(made.stdout, caffe_pb2.NetParameter()) == text_format.Parse(
        net.read_text(), caffe_pb2.NetParameter()
    )
    assert made.stderr.count("Fix: add `crop_param { offset: ") == 5


@pytest.mark.parametrize("arguments, status, complaint", [
    (["absent.prototxt"], 3, "absent.prototxt: no such file"),
    (["NET", "--dialect", "caffe2"], 1, "dialect: got 'caffe2'"),
    (["NET", "--out", "NET"], 3, "--out another.prototxt"),
])  # fmt: skip
def test_refuses(net: Path, tmp_path: Path, arguments: list[str], status: int, complaint: str):
    before = net.read_text()
    made = run(tmp_path, *[str(net) if each == "NET" else each for each in arguments])
    assert made.returncode == status and complaint in made.stderr
    assert net.read_text() == before
