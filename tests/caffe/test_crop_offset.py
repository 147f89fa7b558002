"""Offsets are the released prototxts', or arithmetic on paper."""

import pytest

from fcn_repro.caffe.crop_offset import find_crop_offset
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2, prototxt
from tests.fixtures.fcn_nets import small_net

CONV = 'layer {{ name: "{0}" type: "Convolution" bottom: "{1}" top: "{0}" convolution_param {{ {2} }} }}'
CROP = 'layer { name: "crop" type: "Crop" bottom: "%s" bottom: "%s" top: "out" }'
RELU = 'layer { name: "relu" type: "ReLU" bottom: "c" top: "c" }'


def net(*layers: str):
    return prototxt.parse("\n".join(layers), caffe_pb2.NetParameter, "net")


def conv(name: str, bottom: str, param: str) -> str:
    return CONV.format(name, bottom, param)


def find_last(message):
    return find_crop_offset(message, message.layer[-1])


@pytest.mark.parametrize(
    "layers, offset",
    [
        ([conv("c", "data", "kernel_size: 3 pad: 35"), RELU, CROP % ("c", "data")], [34]),
        ([conv("c", "data", "kernel_size: 3 pad_h: 9 pad_w: 4"), CROP % ("c", "data")], [8, 3]),
        ([conv("c", "data", "kernel_size: 3 dilation: 2 pad: 5"), CROP % ("c", "data")], [3]),
        (
            ['layer { name: "s" type: "Slice" bottom: "data" top: "a" top: "b" }', conv("c", "b", "kernel_size: 1"),
             'layer { name: "j" type: "Concat" bottom: "c" bottom: "a" top: "j" }', CROP % ("j", "data")],
            [0],
        ),
        (  # a branch beside the path has no geometry
            ['layer { name: "g" type: "Pooling" bottom: "data" top: "g" pooling_param { global_pooling: true } }',
             conv("c", "data", "kernel_size: 3 pad: 2"), CROP % ("c", "data")],
            [1],
        ),
        ([CROP % ("data", "data")], [0]),
    ],
)  # fmt: skip
def test_a_crop_moves_its_first_bottom_onto_its_second(layers, offset):
    assert find_last(net(*layers)) == offset


@pytest.mark.parametrize(
    "name, offsets",
    [
        ("vgg16-32s", [19]), ("vgg16-16s", [5, 27]), ("vgg16-8s", [5, 9, 31]), ("vgg16-8s-atonce", [5, 9, 31]),
        ("alexnet-32s", [18]), ("vgg16-32s-late", [19]), ("googlenet-32s", [1]),
    ],
)  # fmt: skip
def test_derives_the_offsets_of_the_released_prototxts(name, offsets):
    message = net(small_net(name, 64, 64, "deploy"))
    crops = [layer for layer in message.layer if layer.type == "Crop"]
    for crop in crops:
        crop.crop_param.ClearField("offset")
        crop.crop_param.offset.extend(find_crop_offset(message, crop))
    assert sorted(crop.crop_param.offset[0] for crop in crops) == offsets


@pytest.mark.parametrize(
    "layers, reason",
    [
        ([conv("c", "data", "kernel_size: 3"), CROP % ("c", "data")], "negative offset"),
        ([conv("c", "data", "kernel_size: 2 pad: 3"), CROP % ("c", "data")], "noninteger offset"),
        ([conv("c", "data", "kernel_size: 2 stride: 2"), CROP % ("c", "data")], "scale mismatch"),
        ([conv("c", "data", "kernel_size: 3 pad: 3"), CROP % ("c", "other")], "connected"),
        (
            ['layer { name: "p" type: "Python" bottom: "data" top: "p" }', CROP % ("p", "data")],
            "connected",
        ),
        (['layer { name: "crop" type: "Crop" bottom: "data" top: "out" }'], "1 bottoms, expected 2"),
    ],
)  # fmt: skip
def test_refuses_blobs_that_no_crop_aligns(layers, reason):
    with pytest.raises(CaffeError, match=f"'crop'.*{reason}"):
        find_last(net(*layers))


def test_the_upgrade_of_v1_sets_the_offset_of_every_crop(tmp_path):
    """Chained as in FCN-16s of 2015: the second crop's path goes through the first."""
    path = tmp_path / "v1.prototxt"
    path.write_text(
        """
        input: "data" input_dim: 1 input_dim: 3 input_dim: 32 input_dim: 32
        layers { name: "c" type: CONVOLUTION bottom: "data" top: "c"
                 convolution_param { num_output: 2 kernel_size: 3 pad: 9 } }
        layers { type: CROP name: "skip" bottom: "c" bottom: "data" top: "skip" }
        layers { name: "up" type: DECONVOLUTION bottom: "skip" top: "up"
                 convolution_param { num_output: 2 kernel_size: 3 pad: 0 } }
        layers { type: CROP name: "crop" bottom: "up" bottom: "data" top: "score" }
        """
    )
    crops = [layer for layer in prototxt.read_net(path).layer if layer.type == "Crop"]
    assert [list(crop.crop_param.offset) for crop in crops] == [[8], [1]]


def test_the_upgrade_names_file_and_layer_of_a_crop_without_offset(tmp_path):
    path = tmp_path / "v1.prototxt"
    path.write_text('layers { type: CROP name: "crop" bottom: "a" bottom: "b" top: "out" }')
    with pytest.raises(CaffeError, match="v1.prototxt: layer 'crop'"):
        prototxt.read_net(path)
