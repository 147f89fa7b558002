"""The dilated net, shift-and-stitch, and one window after the other: three ways to the same numbers."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from google.protobuf import text_format

from fcn_repro.engine import caffe
from fcn_repro.model import dilated
from fcn_repro.model.receptive_field import grids
from nets import build

MINI = SimpleNamespace(inputs={"data": 3}, heads={"label": range(7)}, class_names=range(7), void=255)


def conv(name, bottom, nout, ks, **more):
    window = " ".join(f"{key}: {value}" for key, value in {"num_output": nout, "kernel_size": ks, **more}.items())
    filler = 'weight_filler { type: "xavier" } bias_filler { type: "gaussian" std: 0.3 }'
    return (
        f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}" '
        f"convolution_param {{ {window} {filler} }} }}\n"
        f'layer {{ name: "relu_{name}" type: "ReLU" bottom: "{name}" top: "{name}" }}\n'
    )


def pool(name, bottom, ks, stride, more=""):
    window = f"kernel_size: {ks} stride: {stride} {more}"
    return f'layer {{ name: "{name}" type: "Pooling" bottom: "{bottom}" top: "{name}" pooling_param {{ {window} }} }}\n'


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


def nets(tmp_path, ordinary, spacing=1, seed=3):
    """A net with random weights, and its dilated equivalent with the same ones."""
    caffe.set_random_seed(seed)
    (tmp_path / "net.prototxt").write_text(text_format.MessageToString(ordinary))
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    random = np.random.default_rng(seed)
    for blobs in net.params.values():
        for blob in blobs:
            blob.data[...] = random.normal(0.05, 0.3, blob.data.shape)
    net.save(str(tmp_path / "net.caffemodel"))
    wide = dilated.dilated(ordinary, spacing)
    return net, dilated.load(wide, tmp_path / "dilated.prototxt", tmp_path / "net.caffemodel")


def image(height, width, seed=1):
    return np.random.default_rng(seed).normal(0, 1, (3, height, width)).astype(np.float32)


@pytest.mark.parametrize("height, width", [(40, 40), (41, 38), (43, 45)])
@pytest.mark.parametrize("name", TINY)
def test_without_padding_dilated_and_stitched_are_equal_everywhere(tmp_path, name, height, width):
    text, stride = TINY[name]
    net, wide = nets(tmp_path, proto(text))
    pixels = image(height, width)
    dense = dilated.scores(wide, pixels)
    assert dense.std() > 0.01
    np.testing.assert_allclose(dilated.shift_and_stitch(net, pixels, stride), dense, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", TINY)
def test_both_are_what_the_net_says_of_one_window_after_the_other(tmp_path, name):
    text, _ = TINY[name]
    net, wide = nets(tmp_path, proto(text))
    sees = grids(proto(text))[net.outputs[0]].sees
    pixels = image(sees + 3, sees + 4)
    dense = dilated.scores(wide, pixels)
    for row, column in np.ndindex(4, 5):
        window = pixels[:, row : row + sees, column : column + sees]
        (cell,) = dilated.scores(net, window).reshape(1, -1)
        np.testing.assert_allclose(dense[:, row, column], cell, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["as VGG", "as CaffeNet"])
def test_a_spacing_between_one_and_the_stride_is_every_so_many_cells_of_the_densest(tmp_path, name):
    text, stride = TINY[name]
    pixels = image(47, 50)
    net, dense = nets(tmp_path, proto(text))
    _, coarser = nets(tmp_path, proto(text), spacing=2)
    expected = dilated.scores(dense, pixels)[:, ::2, ::2]
    np.testing.assert_allclose(dilated.scores(coarser, pixels), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(dilated.shift_and_stitch(net, pixels, stride, 2), expected, rtol=1e-4, atol=1e-5)


def test_at_its_own_stride_a_net_stays_as_it_is():
    ordinary = proto(TINY["as VGG"][0])
    assert dilated.dilated(ordinary, 4) == ordinary


def padded():
    below = conv("c1", "data", 4, 3, pad=1) + pool("p1", "c1", 2, 2) + conv("c2", "p1", 5, 3, pad=1)
    return proto(below + pool("p2", "c2", 2, 2) + conv("c3", "p2", 3, 3, pad=1))


def test_a_padded_net_keeps_all_its_cells_among_the_dilated_ones(tmp_path):
    net, wide = nets(tmp_path, padded())
    for height, width in (20, 20), (21, 23):
        pixels = image(height, width)
        cells = dilated.scores(wide, pixels)[:, ::4, ::4]
        np.testing.assert_allclose(cells, dilated.scores(net, pixels), rtol=1e-4, atol=1e-5)


def test_padding_inside_a_net_parts_the_two_at_the_border_alone(tmp_path):
    plain, pad = dilated.unpadded(padded())
    assert pad == 1
    net, wide = nets(tmp_path, plain)
    pixels = np.pad(image(40, 40), ((0, 0), (pad, pad), (pad, pad)))
    apart = np.abs(dilated.shift_and_stitch(net, pixels, 4) - dilated.scores(wide, pixels)).max(axis=0)
    assert apart[12:-12, 12:-12].max() < 1e-5 < apart.max()


def test_the_mini_trunk_is_equal_wherever_its_cells_see_no_padding(tmp_path):
    plain, _ = dilated.unpadded(dilated.until(build("vgg16-mini-32s", "deploy", MINI), "pool3"))
    net, wide = nets(tmp_path, plain)
    pixels = image(84, 84)
    grid = grids(plain)["pool3"]
    first = int(8 - 1 + (grid.sees - 1) / 2 - grid.first)  # the first cell that no shift lets see the border
    last = int(84 - grid.sees + (grid.sees - 1) / 2 - grid.first)
    inside = slice(first, last + 1)
    stitched, dense = dilated.shift_and_stitch(net, pixels, 8), dilated.scores(wide, pixels)
    assert last - first > 20 and stitched.shape == dense.shape
    scale = dense.std()
    np.testing.assert_allclose(stitched[:, inside, inside], dense[:, inside, inside], atol=1e-4 * scale)


def test_every_trunk_can_be_dilated():
    for name, layer in ("vgg16-32s", "score_fr"), ("alexnet-32s", "score_fr"):
        net = dilated.until(build(name, "deploy", MINI), layer)
        wide = dilated.dilated(net)
        assert all(set(each.convolution_param.stride) <= {1} for each in wide.layer)
        fc6 = next(each for each in wide.layer if each.name == "fc6")
        assert list(fc6.convolution_param.dilation) == [32]


@pytest.mark.parametrize(
    "text, message",
    [
        (pool("p1", "data", 2, 2), r"layer p1 \(Pooling\) pools a blob that may be negative"),
        (conv("c1", "data", 3, 3) + pool("p1", "c1", 2, 2, "pool: AVE"), r"layer p1 \(Pooling\) pools otherwise"),
        (conv("c1", "data", 3, 3) + pool("p1", "c1", 3, 2, "pad: 1"), r"layer p1 \(Pooling\) pads and subsamples"),
        (
            'layer { name: "up" type: "Deconvolution" bottom: "data" top: "up" convolution_param { num_output: 3 } }',
            r"layer up \(Deconvolution\) is none that can be dilated, so this net has no dilated equivalent; stop",
        ),
    ],
)
def test_refuses_layers_without_a_dilated_equivalent(text, message):
    with pytest.raises(ValueError, match=message):
        dilated.dilated(proto(text))


def test_refuses_a_spacing_that_the_net_jumps_over():
    with pytest.raises(ValueError, match="layer c1 .* goes from cells 1 pixels apart past 2 at once"):
        dilated.dilated(proto(conv("c1", "data", 3, 3, stride=3)), 2)


def test_refuses_to_stitch_to_a_spacing_that_does_not_divide_the_stride(tmp_path):
    net, _ = nets(tmp_path, proto(TINY["as VGG"][0]))
    with pytest.raises(ValueError, match="stride 4 cannot be stitched to cells 3 pixels apart"):
        dilated.shift_and_stitch(net, image(20, 20), 4, 3)


def test_until_names_the_layers_there_are():
    with pytest.raises(ValueError, match="no layer 'pool9'; there are data, c1, relu_c1, p1"):
        dilated.until(proto(TINY["as VGG"][0]), "pool9")
