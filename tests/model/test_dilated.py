"""The dilated net, shift-and-stitch, and the net on one window after the other give the same scores."""

import numpy as np
import pytest
from google.protobuf import text_format

from fcn_repro.engine import caffe
from fcn_repro.model import dilated
from fcn_repro.model.receptive_field import find_grids
from nets import build
from tests.fixtures.small_net import layer
from tests.fixtures.window_arithmetic import DATA


def conv(name, bottom, nout, ks, **more):
    window = " ".join(f"{key}: {value}" for key, value in {"num_output": nout, "kernel_size": ks, **more}.items())
    filler = 'weight_filler { type: "xavier" } bias_filler { type: "gaussian" std: 0.3 }'
    param = f"convolution_param {{ {window} {filler} }}"
    return layer("Convolution", bottom, name, param, name) + layer("ReLU", name, name, "", f"relu_{name}")


def pool(name, bottom, ks, stride, more=""):
    return layer("Pooling", bottom, name, f"pooling_param {{ kernel_size: {ks} stride: {stride} {more} }}", name)


INPUT = 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: [1, 3, 60, 60] } } }\n'
LRN = 'layer { name: "norm" type: "LRN" bottom: "p1" top: "norm" lrn_param { local_size: 3 alpha: 0.1 } }\n'
TINY = {
    "as VGG": (conv("c1", "data", 4, 3) + pool("p1", "c1", 2, 2) + conv("c2", "p1", 5, 3) + pool("p2", "c2", 2, 2)
               + conv("c3", "p2", 3, 2), 4),
    "as CaffeNet": (conv("c1", "data", 4, 5, stride=2) + pool("p1", "c1", 3, 2) + LRN
                    + conv("c2", "norm", 4, 3, group=2) + pool("p2", "c2", 3, 2) + conv("c3", "p2", 3, 1), 8),
    "strided convolutions": (conv("c1", "data", 3, 2, stride=3) + conv("c2", "c1", 4, 3, stride=2), 6),
    "dilated already": (conv("c1", "data", 3, 3, stride=2, dilation=2) + conv("c2", "c1", 4, 3, dilation=3), 2),
}  # fmt: skip


def proto(text):
    return text_format.Merge(INPUT + text, caffe.proto.caffe_pb2.NetParameter())


def nets(tmp_path, ordinary, stride=1, seed=3):
    """A net with random weights, and its dilated equivalent with the same weights."""
    caffe.set_random_seed(seed)
    (tmp_path / "net.prototxt").write_text(text_format.MessageToString(ordinary))
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    random = np.random.default_rng(seed)
    for blobs in net.params.values():
        for blob in blobs:
            blob.data[...] = random.normal(0.05, 0.3, blob.data.shape)
    net.save(str(tmp_path / "net.caffemodel"))
    wide = dilated.dilate(ordinary, stride)
    return net, dilated.load(wide, tmp_path / "dilated.prototxt", tmp_path / "net.caffemodel")


def image(height, width, seed=1):
    return np.random.default_rng(seed).normal(0, 1, (3, height, width)).astype(np.float32)


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", TINY)
def test_without_padding_all_three_are_equal_everywhere(tmp_path, name):
    text, stride = TINY[name]
    net, wide = nets(tmp_path, proto(text))
    for height, width in (40, 40), (41, 38), (43, 45):
        pixels = image(height, width)
        dense = dilated.compute_scores(wide, pixels)
        assert dense.std() > 0.01
        assert_close(dilated.shift_and_stitch(net, pixels, stride), dense)
    field = find_grids(proto(text))[net.outputs[0]].receptive_field
    pixels = image(field + 3, field + 4)
    dense = dilated.compute_scores(wide, pixels)
    for row, column in np.ndindex(4, 5):
        (cell,) = dilated.compute_scores(net, pixels[:, row : row + field, column : column + field]).reshape(1, -1)
        assert_close(dense[:, row, column], cell)


@pytest.mark.parametrize("name", ["as VGG", "as CaffeNet"])
def test_a_stride_between_one_and_the_nets_takes_every_second_cell_of_the_densest(tmp_path, name):
    text, stride = TINY[name]
    pixels = image(47, 50)
    net, dense = nets(tmp_path, proto(text))
    _, coarser = nets(tmp_path, proto(text), stride=2)
    expected = dilated.compute_scores(dense, pixels)[:, ::2, ::2]
    assert_close(dilated.compute_scores(coarser, pixels), expected)
    assert_close(dilated.shift_and_stitch(net, pixels, stride, 2), expected)


def test_at_its_own_stride_a_net_does_not_change():
    ordinary = proto(TINY["as VGG"][0])
    assert dilated.dilate(ordinary, 4) == ordinary


PADDED = (conv("c1", "data", 4, 3, pad=1) + pool("p1", "c1", 2, 2) + conv("c2", "p1", 5, 3, pad=1)
          + pool("p2", "c2", 2, 2) + conv("c3", "p2", 3, 3, pad=1))  # fmt: skip


@pytest.mark.parametrize("form", ["pad: 1", "pad_h: 1 pad_w: 1", "pad: 1 pad: 1"])
def test_a_padded_net_keeps_all_its_cells_among_the_dilated_ones(tmp_path, form):
    net, wide = nets(tmp_path, proto(PADDED.replace("pad: 1", form)))
    for height, width in (20, 20), (21, 23):
        pixels = image(height, width)
        assert_close(dilated.compute_scores(wide, pixels)[:, ::4, ::4], dilated.compute_scores(net, pixels))


def test_with_padding_inside_a_net_both_differ_at_the_border_alone(tmp_path):
    plain, pad = dilated.remove_padding(proto(PADDED))
    assert pad == 1
    net, wide = nets(tmp_path, plain)
    pixels = np.pad(image(40, 40), ((0, 0), (pad, pad), (pad, pad)))
    difference = np.abs(dilated.shift_and_stitch(net, pixels, 4) - dilated.compute_scores(wide, pixels)).max(axis=0)
    assert difference[12:-12, 12:-12].max() < 1e-5 < difference.max()


def test_the_mini_trunk_is_equal_where_receptive_fields_hold_no_padding(tmp_path):
    plain, _ = dilated.remove_padding(dilated.truncate(build("vgg16-mini-32s", "deploy", DATA), "pool3"))
    net, wide = nets(tmp_path, plain)
    pixels = image(84, 84)
    grid = find_grids(plain)["pool3"]
    to_edge = (grid.receptive_field - 1) / 2 - grid.offset
    first, last = int(8 - 1 + to_edge), int(84 - grid.receptive_field + to_edge)  # inside the image in every shift
    inside = slice(first, last + 1)
    stitched, dense = dilated.shift_and_stitch(net, pixels, 8), dilated.compute_scores(wide, pixels)
    assert last - first > 20 and stitched.shape == dense.shape
    np.testing.assert_allclose(stitched[:, inside, inside], dense[:, inside, inside], atol=1e-4 * dense.std())


@pytest.mark.parametrize("name", ["vgg16-32s", "alexnet-32s"])
def test_every_trunk_can_be_dilated(name):
    wide = dilated.dilate(dilated.truncate(build(name, "deploy", DATA), "score_fr"))
    assert all(set(each.convolution_param.stride) <= {1} for each in wide.layer)
    fc6 = next(each for each in wide.layer if each.name == "fc6")
    assert list(fc6.convolution_param.dilation) == [32]


def relu_conv(**more):
    return conv("c1", "data", 3, 3, **more)


@pytest.mark.parametrize(
    "text, stride, message",
    [
        (pool("p1", "data", 2, 2), 1, r"layer p1 \(Pooling\) pools a blob that may be negative"),
        (relu_conv() + pool("p1", "c1", 2, 2, "pool: AVE"), 1, r"layer p1 \(Pooling\) is not the maximum"),
        (relu_conv() + pool("p1", "c1", 3, 2, "pad: 1"), 1, r"layer p1 \(Pooling\) pads and subsamples"),
        (relu_conv() + pool("p1", "c1", 3, 2, "round_mode: FLOOR"), 1, r"layer p1 \(Pooling\) rounds sizes down"),
        (relu_conv(pad_h=1), 1, r"layer c1 \(Convolution\) has different windows along the two axes"),
        (relu_conv(stride=3), 2, "layer c1 .* jumps from cells 1 pixels apart past 2"),
        (relu_conv() + pool("p1", "c1", 2, 2)
         + 'layer { name: "e" type: "Eltwise" bottom: "c1" bottom: "p1" top: "e" }', 1, "layer e .* joins blobs"),
        ('layer { name: "up" type: "Deconvolution" bottom: "data" top: "up" convolution_param { num_output: 3 } }', 1,
         r"layer up \(Deconvolution\) is neither .* so this net has no dilated equivalent; stop below it"),
        ('layer { name: "n" type: "LRN" bottom: "data" top: "n" lrn_param { norm_region: WITHIN_CHANNEL } }', 1,
         "layer n .* is neither"),
    ],
)  # fmt: skip
def test_layers_without_a_dilated_equivalent_are_refused(text, stride, message):
    with pytest.raises(ValueError, match=message):
        dilated.dilate(proto(text), stride)


def test_unknown_layers_and_strides_that_do_not_divide_the_nets_are_refused(tmp_path):
    net, _ = nets(tmp_path, proto(TINY["as VGG"][0]))
    with pytest.raises(ValueError, match="stride 4 cannot be stitched to cells 3 pixels apart"):
        dilated.shift_and_stitch(net, image(20, 20), 4, 3)
    with pytest.raises(ValueError, match="no layer 'pool9'; expected one of data, c1, relu_c1, p1"):
        dilated.truncate(proto(TINY["as VGG"][0]), "pool9")
