"""A large image stays within MEMORY_GB, whatever tiles leave in memory, and has the same labels."""

import subprocess
import sys

import numpy as np
import pytest

from fcn_repro.engine import caffe
from fcn_repro.model import deploy_metadata
from fcn_repro.model.deploy_metadata import DeployMetadata
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.model.surgery import save
from fcn_repro.system import memory

NET = """
layer { name: "input" type: "Input" top: "data" input_param { shape { dim: [1, 3, 50, 50] } } }
layer { name: "c1" type: "Convolution" bottom: "data" top: "c1"
        convolution_param { num_output: 24 kernel_size: 3 pad: 40 weight_filler { type: "msra" } } }
layer { name: "r1" type: "ReLU" bottom: "c1" top: "c1" }
layer { name: "c2" type: "Convolution" bottom: "c1" top: "c2"
        convolution_param { num_output: 24 kernel_size: 3 weight_filler { type: "msra" } } }
layer { name: "r2" type: "ReLU" bottom: "c2" top: "c2" }
layer { name: "all" type: "Convolution" bottom: "c2" top: "all"
        convolution_param { num_output: 3 kernel_size: 1 weight_filler { type: "msra" } } }
layer { name: "score" type: "Crop" bottom: "all" bottom: "data" top: "score" crop_param { axis: 2 offset: 38 } }
"""
PROGRAM = """
import os
import sys
import numpy as np
from fcn_repro.inference.segmenter import Segmenter
from fcn_repro.system import memory

model, out, more = sys.argv[1:]
may_hold = memory.resident_bytes() + float(more)
os.environ["MEMORY_GB"] = str(may_hold / memory.GB)
image_rgb = np.random.default_rng(0).integers(0, 256, (1300, 1400, 3), np.uint8)
segmenter = Segmenter(model, gpu=-1)
np.save(out, segmenter(image_rgb))
rows, columns = segmenter._split(image_rgb.shape[:2])
print(len(rows) * len(columns), memory.peak_bytes() - may_hold)
"""


@pytest.fixture
def model(tmp_path):
    folder = RunFolder("narrow", tmp_path)
    folder.path.mkdir()
    folder.deploy.write_text(NET)
    deploy_metadata.write(
        folder.metadata, DeployMetadata(("color",), (104.0, 116.0, 122.0), {"score": ("a", "b", "c")})
    )
    save(caffe.Net(str(folder.deploy), caffe.TEST), folder.final)
    return folder


def labelled(model, more: str):
    """Return the label map, the number of tiles, and the bytes by which the process exceeded its limit."""
    out = model.path / f"{more}.npy"
    command = [sys.executable, "-c", PROGRAM, str(model.path), str(out), more]
    pieces, exceeded = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.split()
    return np.load(out), int(pieces), float(exceeded)


@pytest.mark.skipif(not memory.resident_bytes(), reason="resident memory is unknown here")
def test_an_image_that_does_not_fit_is_labelled_within_the_limit(model):
    whole, pieces, exceeded = labelled(model, "4e9")
    assert pieces == 1 and exceeded > -3.6e9
    tiles, pieces, exceeded = labelled(model, "2.5e8")
    assert pieces >= 9 and exceeded <= 0  # enough tiles of one size for the quick path
    assert (tiles != whole).mean() < 1e-5
