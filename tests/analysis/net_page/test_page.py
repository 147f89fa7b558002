"""The page of a net holds its drawing, its text and the facts of every layer; two nets are compared."""

import json
import re
from html import unescape

import pytest
from google.protobuf import text_format

from fcn_repro import caffe
from fcn_repro.analysis.net_page.page import NetSource, render_net_page
from fcn_repro.caffe.proto import caffe_pb2
from tests.fixtures.fcn_nets import small_net

OLD = """input: "data" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8
layers { name: "<c>" type: CONVOLUTION bottom: "data" top: "c" convolution_param { num_output: 2 kernel_size: 3 } }
"""


def source(text, phase=caffe.TEST, base_lr=None, message=None):
    return NetSource("net", text, message or text_format.Parse(text, caffe_pb2.NetParameter()), phase, {}, base_lr)


def read(page):
    """The data of the page's script."""
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


@pytest.fixture(scope="module")
def fcn8s():
    return small_net("vgg16-8s", 64, 80, "deploy")


def test_every_layer_has_its_lines_box_and_facts(fcn8s):
    page = render_net_page(source(fcn8s), (64, 80))
    layers = {layer["name"]: layer for layer in read(page)["layers"]}
    text = fcn8s.splitlines()
    for name, layer in layers.items():
        first, last = layer["lines"]
        assert f'name: "{name}"' in "".join(text[first - 1 : last]) and text[last - 1] == "}"
        assert layer["in_place"] or f'data-layer="{name}"' in page
    conv = layers["conv1_1"]
    assert ["convolution_param.stride", "1", False] in conv["params"] or ["convolution_param.pad", "100", True] in conv[
        "params"
    ]
    assert conv["tops"][0]["grid"] == [-99, 1, 3] and conv["tops"][0]["shape"][2:] == [262, 278]
    assert [blob["lr_mult"] for blob in conv["blobs"]] == [1, 2]
    assert layers["score"]["derivation"].startswith("offset 31")


def test_a_net_of_an_old_format_is_shown_upgraded_with_its_own_lines(tmp_path):
    path = tmp_path / "old.prototxt"
    path.write_text(OLD)
    page = render_net_page(source(OLD, message=caffe.proto.prototxt.read_net(path)), (8, 8))
    made, conv = read(page)["layers"]
    assert made["lines"] is None and conv["lines"] == [2, 2] and conv["tops"][0]["shape"] == [1, 2, 6, 6]
    assert 'data-layer="&lt;c&gt;"' in page and "<c>" not in page


INPUT = 'layer { name: "%s" type: "Input" top: "%s" input_param { shape { %s } } }\n'


@pytest.mark.parametrize("dims", [(1, 3), (2, 1, 1, 1), (5,)])
def test_a_blob_without_height_and_width_keeps_its_declared_shape(dims):
    text = INPUT % ("data", "data", "dim: 1 dim: 3 dim: 9 dim: 9")
    text += INPUT % ("info", "info", " ".join(f"dim: {n}" for n in dims))
    text += 'layer { name: "r" type: "Reshape" bottom: "info" top: "r" reshape_param { shape { dim: -1 } } }'
    layers = {layer["name"]: layer for layer in read(render_net_page(source(text), (8, 6)))["layers"]}
    assert layers["data"]["tops"][0]["shape"] == [1, 3, 8, 6]
    assert layers["info"]["tops"][0]["shape"] == list(dims) and layers["info"]["rule"] == ["fixed"]


def test_a_parameter_blob_keeps_its_own_shape():
    text = INPUT % ("data", "data", "dim: 1 dim: 3 dim: 9 dim: 9")
    text += 'layer { name: "p" type: "Parameter" top: "p" parameter_param { shape { dim: 2 dim: 4 } } }'
    layers = {layer["name"]: layer for layer in read(render_net_page(source(text), (8, 6)))["layers"]}
    assert layers["p"]["tops"][0]["shape"] == [2, 4] and layers["p"]["blobs"]


@pytest.mark.parametrize(
    ("field", "height", "rule"),
    [
        ("axis: 1", 8, "same"),
        ("concat_dim: 1", 8, "same"),
        ("axis: -3", 8, "same"),
        ("axis: 2", 16, "fixed"),
        ("axis: -2", 16, "fixed"),
    ],
)
def test_a_concat_along_height_follows_no_rule_of_equal_sizes(field, height, rule):
    text = INPUT % ("data", "data", "dim: 1 dim: 3 dim: 9 dim: 9")
    text += f'layer {{ name: "c" type: "Concat" bottom: "data" bottom: "data" top: "c" concat_param {{ {field} }} }}'
    concat = read(render_net_page(source(text), (8, 6)))["layers"][-1]
    assert concat["tops"][0]["shape"][2] == height and concat["rule"] == [rule]


def test_two_nets_are_compared(fcn8s):
    page = render_net_page(source(fcn8s), (64, 80), source(small_net("vgg16-16s", 64, 80, "deploy")))
    kinds, old = read(page)["kinds"], read(page)["old_kinds"]
    assert kinds["score_pool3"] == "added" and kinds["conv1_1"] == "same" and kinds["score"] == "changed"
    assert old["upscore16"] == "removed" and page.count('class="sheet"') == 2


def test_nothing_is_fetched_and_only_the_pages_own_script_may_run(fcn8s):
    page = render_net_page(source(fcn8s), (64, 80))
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", page)
    assert re.search(r"default-src 'none';.*script-src 'sha256-[^']+'\"", unescape(page)) and page.count("<script") == 2


@pytest.mark.parametrize("text, message", [("", "got no `layer`"), ('input: "data"', "got no `layer`")])
def test_a_file_without_layers_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        render_net_page(source(text), (8, 8))
