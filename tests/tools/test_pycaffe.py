import os

import numpy as np
import pytest
from PIL import Image

from tests.scripts.running import CLASSES, OURS, SIZES, run_fcn

LOOKS_AROUND = """
import os
import sys
import caffe
import caffe.io
import caffe.proto.caffe_pb2 as pb2
import __main__
from caffe import layers as L, params as P
from caffe.coord_map import crop
from caffe.proto import caffe_pb2
from caffe.pycaffe import Net
import neighbour

assert __name__ == "__main__" and __main__.__file__ == __file__ == sys.argv[0]
assert sys.argv[1:] == ["--option", "value"]
assert sys.path[0] == os.path.dirname(os.path.abspath(__file__)) != os.getcwd()
assert Net is caffe.Net and neighbour.caffe is caffe
assert pb2 is caffe_pb2 is caffe.proto.caffe_pb2
assert isinstance(L.ReLU().to_proto(), pb2.NetParameter) and P.Pooling.AVE == 1
caffe.log("seen")
sys.exit(7)
"""


def test_a_script_finds_what_python_would_show_it(tmp_path):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "neighbour.py").write_text("import caffe")
    (tmp_path / "scripts" / "looks_around.py").write_text(LOOKS_AROUND)
    done = OURS.run(tmp_path, os.path.join("scripts", "looks_around.py"), "--option", "value")
    assert (done.returncode, done.stderr) == (7, "")


def test_the_log_goes_to_stderr_unless_it_is_silenced(tmp_path):
    (tmp_path / "logs.py").write_text("import caffe; caffe.log('hello'); print('out')")
    loud = type(OURS)(OURS.command, {**OURS.environment, "GLOG_minloglevel": "0"})
    done = loud.run(tmp_path, "logs.py")
    assert done.stdout == "out\n"
    assert done.stderr.startswith("I") and done.stderr.endswith("logs.py:1] hello\n")


def test_what_a_script_raises_is_shown(tmp_path):
    (tmp_path / "fails.py").write_text("import caffe\ncaffe.Net('missing.prototxt', caffe.TEST)")
    done = OURS.run(tmp_path, "fails.py")
    assert done.returncode == 1
    assert 'fails.py", line 2' in done.stderr
    assert "Could not open file missing.prototxt" in done.stderr


def test_refuses_a_missing_script(tmp_path):
    done = OURS.run(tmp_path, "missing.py")
    assert done.returncode == 2
    assert f"there is no script 'missing.py' in {tmp_path}" in done.stderr


@pytest.fixture(scope="module")
def fcn(tmp_path_factory):
    """The folder in which the scripts of a user of the reference ran, and what they printed."""
    folder = tmp_path_factory.mktemp("fcn") / "run"
    return folder, run_fcn(folder, OURS)


def test_the_references_way_of_working_runs_unchanged(fcn):
    folder, printed = fcn
    assert "coercing fc4 0 from (32, 144) to (32, 16, 3, 3)" in printed
    assert "dropping fc5" in printed
    losses = [float(line.split()[-1]) for line in printed.splitlines() if " loss " in line]
    assert len(losses) == 2
    assert losses[1] < losses[0]
    assert sorted(os.listdir(folder / "snapshot")) == [
        f"train_iter_{n}.{kind}" for n in (4, 8) for kind in ("caffemodel", "solverstate")
    ]


def test_inference_labels_every_pixel(fcn):
    folder, _ = fcn
    height, width = SIZES["c"]
    label = np.asarray(Image.open(folder / "output.png"))
    assert label.shape == (height, width)
    assert np.load(folder / "score.npy").shape == (CLASSES, height, width)
    assert label.max() < CLASSES
