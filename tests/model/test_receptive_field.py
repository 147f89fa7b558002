"""Grids, and the explanations made of them, against the paper's tables and arithmetic on paper."""

import pytest
from google.protobuf import text_format

from fcn_repro.engine import caffe
from fcn_repro.model.receptive_field import Grid, explain_offsets, explain_padding, find_grids, find_smallest_image
from nets import build
from tests.fixtures.window_arithmetic import DATA

INPUT = 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: [1, 3, 60, 60] } } }\n'


def deploy(net: str):
    return build(net, "deploy", DATA)


@pytest.mark.parametrize(
    ("net", "blob", "grid"),
    [
        ("vgg16-8s", "data", Grid(0, 1, 1)),
        ("vgg16-8s", "conv1_1", Grid(-99, 1, 3)),
        ("vgg16-8s", "pool3", Grid(-95.5, 8, 44)),
        ("vgg16-8s", "pool4", Grid(-91.5, 16, 100)),
        ("vgg16-8s", "fc7", Grid(12.5, 32, 404)),
        ("vgg16-8s", "score", Grid(0, 1, 404 + 32 + 16 + 8)),
        ("alexnet-32s", "fc7", Grid(13, 32, 355)),
        ("googlenet-32s", "inception_5b/output", Grid(30, 32, 715)),
        ("googlenet-8s", "inception_3b/output", Grid(6, 8, 91)),
        ("googlenet-fcn", "pool5/7x7_s1", Grid(30 + 3 * 32, 32, 907)),
    ],
)
def test_grids_are_those_of_the_papers_table_1(net: str, blob: str, grid: Grid):
    assert find_grids(deploy(net))[blob] == grid


@pytest.mark.parametrize(
    "net", ["vgg16-32s", "vgg16-16s", "vgg16-8s", "vgg16-8s-atonce", "alexnet-32s", "googlenet-8s"]
)
def test_scores_lie_on_the_pixels_and_summands_on_each_other(net: str):
    message = deploy(net)
    grids = find_grids(message)
    assert (grids["score"].offset, grids["score"].stride) == (0, 1)
    for layer in message.layer:
        if layer.type == "Eltwise":
            assert len({(grids[bottom].offset, grids[bottom].stride) for bottom in layer.bottom}) == 1, layer.name


@pytest.mark.parametrize(
    ("window", "grid"),
    [
        ("kernel_h: 5 kernel_w: 3 stride_h: 2 stride_w: 1 pad_h: 1 pad_w: 9", Grid(1, 2, 5)),
        ("kernel_size: 3 dilation: 4 stride: 2", Grid(4, 2, 9)),
    ],
)
def test_grids_are_those_of_the_rows_in_every_form_of_window(window, grid):
    net = 'layer {{ name: "c" type: "Convolution" bottom: "data" top: "c" convolution_param {{ num_output: 1 {} }} }}'
    message = text_format.Merge(INPUT + net.format(window), caffe.proto.caffe_pb2.NetParameter())
    assert find_grids(message)["c"] == grid


def test_layers_that_read_the_whole_image_and_all_above_them_have_no_grid():
    grids = find_grids(deploy("mini-vgg16"))
    assert "pool5" in grids and not {"fc6", "fc7", "fc8", "prob"} & set(grids)
    pooling = 'layer { name: "p" type: "Pooling" bottom: "data" top: "p" pooling_param { global_pooling: true } }\n'
    above = 'layer { name: "r" type: "ReLU" bottom: "p" top: "r" }'
    message = text_format.Merge(INPUT + pooling + above, caffe.proto.caffe_pb2.NetParameter())
    assert list(find_grids(message)) == ["data"]


def test_a_crop_of_a_blob_without_a_grid_has_none_and_needs_none_of_its_reference():
    whole = 'layer { name: "p" type: "Pooling" bottom: "data" top: "p" pooling_param { global_pooling: true } }\n'
    crops = """layer { name: "a" type: "Crop" bottom: "p" bottom: "data" top: "a" }
               layer { name: "b" type: "Crop" bottom: "data" bottom: "p" top: "b" crop_param { offset: 3 } }"""
    message = text_format.Merge(INPUT + whole + crops, caffe.proto.caffe_pb2.NetParameter())
    grids = find_grids(message)
    assert "a" not in grids and grids["b"].offset == 3 and list(explain_offsets(message)) == []


def test_offsets_are_explained_down_to_the_numbers_in_the_prototxt():
    assert "\n".join(explain_offsets(deploy("vgg16-32s"))) == (
        "upscore: kernel 64, stride 32\n"
        "    Cells of score_fr lie 32 pixels apart, the first at pixel 12.5.\n"
        "    The centre of 64 cells is (64 - 1) / 2 = 31.5; new cells lie 1 apart:\n"
        "    the first lies at pixel 12.5 - 31.5 x 1 = -19.\n"
        "score: offset 19\n"
        "    The first cell of upscore lies at pixel -19, that of data at 0.\n"
        "    Cells lie 1 apart: (0 + 19) / 1 = 19."
    )


def test_a_crop_without_an_offset_is_explained_as_one_of_zero():
    conv = """layer { name: "c" type: "Convolution" bottom: "data" top: "c"
                      convolution_param { num_output: 1 kernel_size: 3 } }"""
    crop = 'layer { name: "a" type: "Crop" bottom: "data" bottom: "c" top: "a" }'
    message = text_format.Merge(INPUT + conv + crop, caffe.proto.caffe_pb2.NetParameter())
    assert next(explain_offsets(message)).splitlines() == [
        "a: offset 0",
        "    The first cell of data lies at pixel 0, that of c at 1.",
        "    Cells lie 1 apart: (1 + 0) / 1 = 1.",
    ]


def test_padding_is_explained_where_it_exceeds_the_classifiers():
    text = explain_padding(deploy("vgg16-8s"))
    assert text is not None and text.startswith("conv1_1: pad 100\n")
    assert "pad of 1 the smallest image that leaves every layer a cell has\n    193 pixels to a side; with 100" in text
    assert "with 100 it has 1. One pixel needs\n    193 + 2 x 1 - 1 = 194 around it, 97 on each side." in text
    assert explain_padding(deploy("googlenet-8s")) is None


def test_the_smallest_image_is_the_smallest_that_the_engine_takes(tmp_path):
    message = deploy("mini-vgg16-fcn")
    smallest = find_smallest_image(message)
    (tmp_path / "net.prototxt").write_text(str(message))
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    net.blobs["data"].reshape(1, 3, smallest, smallest)
    net.reshape()
    net.blobs["data"].reshape(1, 3, smallest - 1, smallest - 1)
    with pytest.raises(RuntimeError):
        net.reshape()
