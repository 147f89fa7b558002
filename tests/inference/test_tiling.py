"""Tiles have the scores of the whole image: on the real topologies, in closed form, and by perturbation."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from google.protobuf import text_format

from fcn_repro.engine import caffe
from fcn_repro.inference.tiling import ReceptiveExtent, find_extent, split_axis
from fcn_repro.model.receptive_field import find_grids
from fcn_repro.model.surgery import find_upsampling_layers, interp
from nets import build
from nets.fcn import FCNS, build_fcn

DATA = SimpleNamespace(inputs={"data": 3}, heads={"label": range(3)}, class_names=range(3), void=255)
VGGS = ("vgg16-32s", "vgg16-16s", "vgg16-8s", "vgg16-8s-atonce")
NARROW = {**dict.fromkeys(VGGS, 1 / 64), "alexnet-32s": 1 / 16}


def narrow(name: str):
    """A net of the table with few channels and the same kernels, strides, pads and offsets."""
    net = FCNS[name]
    return build_fcn(replace(net, style=replace(net.style, width=NARROW[name])), "deploy", DATA, False)


def random_net(message, folder):
    """A net with random weights that keep the variance, and biases, so that padding does not stay zero."""
    path = folder / "deploy.prototxt"
    path.write_text(text_format.MessageToString(message))
    net = caffe.Net(str(path), caffe.TEST)
    random = np.random.default_rng(1)
    for blobs in net.params.values():
        fan_in = blobs[0].count / blobs[0].num
        blobs[0].data[...] = random.normal(0, np.sqrt(2 / fan_in), blobs[0].data.shape)
        for blob in list(blobs)[1:]:
            blob.data[...] = random.normal(0.2, 0.1, blob.data.shape)
    interp(net, find_upsampling_layers(net))
    return net


def run(net, data: np.ndarray) -> np.ndarray:
    net.blobs["data"].reshape(1, *data.shape)
    net.blobs["data"].data[...] = data
    net.forward()
    return net.blobs["score"].data[0].copy()


def tiled(net, message, data: np.ndarray, tile: int) -> np.ndarray:
    rows, columns = (list(split_axis(data.shape[1 + axis], tile, find_extent(message, axis))) for axis in (0, 1))
    score = np.full((3, *data.shape[1:]), np.nan, np.float32)
    for row in rows:
        for column in columns:
            part = run(net, data[:, row.input, column.input])
            score[:, row.core, column.core] = part[:, row.kept, column.kept]
    return score


def image(*hw: int) -> np.ndarray:
    return np.random.default_rng(2).uniform(-120, 130, (3, *hw)).astype(np.float32)


@pytest.mark.parametrize("name", NARROW)
@pytest.mark.parametrize(("height", "tile"), [(901, 64), (944, 160), (933, 96)])
def test_tiles_give_the_scores_of_the_whole_image(name, height, tile, tmp_path):
    message = narrow(name)
    net, data = random_net(message, tmp_path), image(height, 5)
    assert len(list(split_axis(height, tile, find_extent(message, 0)))) > 2
    whole = run(net, data)
    np.testing.assert_allclose(tiled(net, message, data, tile), whole, rtol=0, atol=1e-5 * abs(whole).max())


def test_tiles_are_cut_along_both_axes(tmp_path):
    message = narrow("vgg16-8s")
    net, data = random_net(message, tmp_path), image(650, 700)
    for axis, length in enumerate((650, 700)):
        assert len(list(split_axis(length, 128, find_extent(message, axis)))) == 2
    whole = run(net, data)
    np.testing.assert_allclose(tiled(net, message, data, 128), whole, rtol=0, atol=1e-5 * abs(whole).max())


def test_a_window_that_begins_off_the_stride_gives_other_scores(tmp_path):
    # Else the law above would hold of any cut, and show nothing.
    message = narrow("vgg16-8s")
    net, data = random_net(message, tmp_path), image(600, 5)
    whole, shifted = run(net, data), run(net, data[:, 1:])
    assert abs(whole[:, 301:305] - shifted[:, 300:304]).max() > 1e-3 * abs(whole).max()


@pytest.mark.parametrize("name", NARROW)
def test_a_score_does_not_change_with_pixels_beyond_its_extent(name, tmp_path):
    message = narrow(name)
    net, data, y = random_net(message, tmp_path), image(900, 5), 431
    seen = find_extent(message, 0)
    before = run(net, data)[:, y].copy()
    data[:, : y - seen.before] += 50
    data[:, y + seen.after + 1 :] -= 50
    assert np.array_equal(run(net, data)[:, y], before)


@pytest.mark.parametrize("name", ["vgg16-32s", "vgg16-8s", "googlenet-8s"])
def test_the_extent_is_as_wide_as_the_receptive_field(name):
    message = build(name, "deploy", DATA)
    seen, sees = find_extent(message, 0), find_grids(message)["score"].receptive_field
    assert sees <= seen.before + seen.after + 1 < sees + seen.stride
    assert seen.stride == 32


CONV = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: [1, 3, 9, 9] } } }
layer { name: "c" type: "Convolution" bottom: "data" top: "c"
        convolution_param { num_output: 2 %s } }
"""


@pytest.mark.parametrize(
    ("window", "axis", "expected"),
    [
        ("kernel_size: 3 pad: 1", 0, ReceptiveExtent(1, 1, 1)),
        ("kernel_size: 5 pad: 0", 0, ReceptiveExtent(0, 4, 1)),
        ("kernel_size: 3 dilation: 4 pad: 4", 1, ReceptiveExtent(4, 4, 1)),
        ("kernel_h: 1 kernel_w: 7 pad_w: 3 pad_h: 0", 0, ReceptiveExtent(0, 0, 1)),
        ("kernel_h: 1 kernel_w: 7 pad_w: 3 pad_h: 0", 1, ReceptiveExtent(3, 3, 1)),
        ("kernel_size: [5, 3] pad: [2, 1]", 0, ReceptiveExtent(2, 2, 1)),
    ],
)
def test_the_receptive_extent_of_one_convolution(window, axis, expected):
    net = text_format.Merge(CONV % window, caffe.proto.caffe_pb2.NetParameter())
    assert find_extent(net, axis) == expected


@pytest.mark.parametrize("length", [1, 31, 32, 33, 500, 997])
@pytest.mark.parametrize("tile", [1, 32, 100])
def test_cores_cover_every_pixel_once_and_windows_hold_what_they_need(length, tile):
    seen = ReceptiveExtent(70, 90, 32)
    covered: list[int] = []
    for window in split_axis(length, tile, seen):
        covered += range(window.core_start, window.core_stop)
        assert window.start % seen.stride == 0
        assert window.start == 0 or window.core_start - window.start >= seen.before
        assert window.stop == length or window.stop - window.core_stop >= seen.after
        assert window.stop - window.start <= -(-tile // 32) * 32 + 96 + 90
    assert covered == list(range(length))


def test_all_windows_but_the_last_have_one_size_and_cores_grow_where_there_is_no_margin():
    *others, last = split_axis(2000, 100, ReceptiveExtent(70, 90, 32))
    assert {window.stop - window.start for window in others} == {96 + 128 + 90}
    assert last.stop - last.start <= 96 + 128 + 90
    assert [window.core_stop - window.core_start for window in others] == [96 + 128, *[128] * (len(others) - 1)]
    assert last.core_stop - last.core_start <= 128 + 90


def test_strides_longer_than_images_are_refused_at_once():
    text = CONV % "kernel_size: 1 stride: 1000003"
    text += """layer { name: "d" type: "Deconvolution" bottom: "c" top: "d"
                       convolution_param { num_output: 1 kernel_size: 1 stride: 1000003 } }"""
    with pytest.raises(ValueError, match="common multiple 1000003, which exceeds every image"):
        find_extent(text_format.Merge(text, caffe.proto.caffe_pb2.NetParameter()), 0)


@pytest.mark.parametrize(
    ("layer", "complaint"),
    [
        ('type: "Pooling" pooling_param { pool: AVE global_pooling: true }', "pools the whole image"),
        (
            'type: "InnerProduct" inner_product_param { num_output: 2 }',
            "receptive field of type InnerProduct is unknown",
        ),
        ('type: "LRN" lrn_param { norm_region: WITHIN_CHANNEL }', "receptive field of type LRN is unknown"),
        ('bottom: "c" type: "Concat" concat_param { axis: 2 }', "receptive field of type Concat is unknown"),
        ('type: "Softmax" softmax_param { axis: -1 }', "receptive field of type Softmax is unknown"),
        (
            'type: "Pooling" pooling_param { kernel_size: 2 stride: 2 }',
            "got a cell every 2 pixels, expected one per pixel",
        ),
    ],
)
def test_nets_that_need_the_whole_image_are_refused(layer, complaint):
    text = CONV % "kernel_size: 1" + f'layer {{ name: "top" bottom: "c" top: "top" {layer} }}'
    with pytest.raises(ValueError, match=complaint):
        find_extent(text_format.Merge(text, caffe.proto.caffe_pb2.NetParameter()), 0)
