"""The note beside deploy.prototxt: what it must say, and that it fits the net."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model import deploy_metadata
from fcn_repro.model.deploy_metadata import DeployMetadata

INPUT = 'layer { name: "%s" type: "Input" top: "%s" input_param { shape { dim: 1 dim: %d dim: 32 dim: 40 } } }\n'
SCORE = 'layer { name: "c" type: "Convolution" bottom: "data" top: "%s" convolution_param { num_output: %d %s } }\n'
DATA, WINDOW = INPUT % ("data", "data", 3), "kernel_size: 3 pad: 1"
GOOD = DATA + SCORE % ("score", 3, WINDOW)
ARG_MAX = 'layer { name: "a" type: "ArgMax" bottom: "s" top: "score" argmax_param { axis: 1 } }'
COLOR = ("color",)


def check(tmp_path: Path, text: str, reads: tuple[str, ...] = COLOR) -> None:
    (tmp_path / "deploy.prototxt").write_text(text)
    net = caffe.Net(str(tmp_path / "deploy.prototxt"), caffe.TEST)
    metadata = DeployMetadata(reads, (104.0, 117.0, 123.0), {"score": ("a", "b", "c")})
    deploy_metadata.check_net(net, metadata, tmp_path / "deploy.json")


@pytest.mark.parametrize("text, reads", [
    (GOOD, COLOR),
    ('input: "data" input_dim: 1 input_dim: 3 input_dim: 32 input_dim: 40 ' + SCORE % ("score", 3, WINDOW), COLOR),
    (GOOD + INPUT % ("hha", "hha", 3) + 'layer { name: "s" type: "Silence" bottom: "hha" }', ("color", "hha")),
    (GOOD + 'layer { name: "p" type: "Softmax" bottom: "score" top: "prob" }', COLOR),
])  # fmt: skip
def test_accepts_a_net_that_fits(tmp_path: Path, text: str, reads: tuple[str, ...]):
    check(tmp_path, text, reads)


@pytest.mark.parametrize("text, reads, complaint", [
    (DATA + SCORE % ("score", 5, WINDOW), COLOR, r"got 3 names for the output score of shape \[1, 5, 32, 40\]"),
    (DATA + SCORE % ("score", 2, WINDOW), COLOR, r"got 3 names for the output score of shape \[1, 2, 32, 40\]"),
    (DATA + SCORE % ("out", 3, WINDOW), COLOR, "got the output 'score'; expected a blob .* the outputs out"),
    (DATA + SCORE % ("score", 3, "kernel_size: 3 pad: 1 stride: 8"), COLOR, "4 x 5 cells for an input of 32 x 40"),
    (DATA + SCORE % ("s", 3, WINDOW) + ARG_MAX, COLOR, r"shape \[1, 1, 32, 40\]"),
    (GOOD + INPUT % ("more", "more", 3), COLOR, "got color for a net with the inputs data, more"),
    (GOOD, ("color", "hha"), "got color, hha for a net with the inputs data"),
    (GOOD.replace("dim: 3 ", "dim: 4 "), COLOR, r"got color for the input data of shape \[1, 4, 32, 40\]"),
    (GOOD, ("depth",), r"got depth for the input data .*expected \(1, 1, H, W\)"),
])  # fmt: skip
def test_refuses_a_net_that_does_not_fit(tmp_path: Path, text: str, reads: tuple[str, ...], complaint: str):
    with pytest.raises(DataError, match=rf"deploy\.json: (reads|classes): .*{complaint}"):
        check(tmp_path, text, reads)


def test_explains_the_fields_of_a_missing_note(tmp_path: Path):
    with pytest.raises(
        DataError, match=r"deploy\.json: missing; .*`reads`.*`mean_bgr`.*`classes`.*Example: .*tools\.emit"
    ):
        deploy_metadata.read(tmp_path / "deploy.json")
    (tmp_path / "deploy.json").write_text(deploy_metadata.EXAMPLE)
    assert deploy_metadata.read(tmp_path / "deploy.json").classes == {"score": ("background", "cow")}
