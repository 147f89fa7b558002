"""Prototxts in forks' dialects: spellings, silent traps, and what a dialect writes."""

import logging
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format

from fcn_repro.caffe import TEST, TRAIN, Net, dialects
from fcn_repro.caffe.dialects.silent_traps import DIALECTS
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2, prototxt

DATA = 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 40 dim: 40 } } }\n'
PADDED = 'layer { name: "c" type: "Convolution" bottom: "data" top: "c" convolution_param { num_output: 3 %s } }\n'
CROP = 'layer { name: "%s" type: "Crop" bottom: "%s" bottom: "data" top: "%s" %s }\n'
LOSS = 'layer { name: "loss" type: "SigmoidCrossEntropyLoss" bottom: "%s" bottom: "data" top: "loss" }\n'


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    """Read a text, in a dialect; returns the net and the warnings."""

    def read(text: str, dialect: str = ""):
        dialects._said.clear()
        monkeypatch.setenv("CAFFE_DIALECT", dialect)
        caplog.clear()
        (tmp_path / "net.prototxt").write_text(text)
        net = prototxt.read_net(tmp_path / "net.prototxt")
        return net, [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]

    return read


# ---- spellings

POOL, CONV = "layer { name: 'p' type: 'Pooling' pooling_param {", "layer { name: 'p' type: '%s' convolution_param {"
SPELLINGS = {
    "ceil_mode false": (POOL + "kernel_size: 2 ceil_mode: false } }", POOL + "kernel_size: 2 round_mode: FLOOR } }"),
    "ceil_mode true": (POOL + "ceil_mode: true } }", POOL + "round_mode: CEIL } }"),
    "hole": (CONV % "Convolution" + "hole: 4 } }", CONV % "Convolution" + "dilation: 4 } }"),
    "hole_h": (CONV % "Convolution" + "hole_h: 4 hole_w: 2 } }", CONV % "Convolution" + "dilation: [4, 2] } }"),
    "hole in V1": ("layers { name: 'p' type: CONVOLUTION convolution_param { hole: 2 } }",
                   CONV % "Convolution" + "dilation: 2 } }"),
    "strict_dim": ("layers { name: 'p' type: LRN strict_dim: false }", "layer { name: 'p' type: 'LRN' }"),
    "depthwise": (CONV % "ConvolutionDepthwise" + "num_output: 8 kernel_size: 3 } }",
                  CONV % "Convolution" + "num_output: 8 kernel_size: 3 group: 8 } }"),
    "depthwise with group": (CONV % "DepthwiseConvolution" + "num_output: 16 group: 8 } }",
                             CONV % "Convolution" + "num_output: 16 group: 8 } }"),
    "ReLU6": ("layer { name: 'p' type: 'ReLU6' bottom: 'a' top: 'b' include { phase: TEST } }",
              "layer { name: 'p' type: 'ReLU' bottom: 'a' top: 'b' include { phase: TEST } } layer { name: 'p/clip' "
              "type: 'Clip' bottom: 'b' top: 'b' include { phase: TEST } clip_param { min: 0 max: 6 } }"),
    "shuffle": ("layer { name: 'p' type: 'Data' data_param { source: 'x' shuffle: true } }",
                "layer { name: 'p' type: 'Data' data_param { source: 'x' } }"),
}  # fmt: skip


@pytest.mark.parametrize("fork, caffe", SPELLINGS.values(), ids=SPELLINGS)
def test_forks_spellings_are_read_as_caffes_with_one_warning(read, fork: str, caffe: str):
    net, warnings = read(fork)
    assert net == text_format.Parse(caffe, caffe_pb2.NetParameter())
    (warning,) = warnings
    assert "net.prototxt: layer 'p': " in warning


@pytest.mark.parametrize(
    "text, complaint",
    [
        (POOL + "ceil_mode: true round_mode: FLOOR } }", "layer 'p': got ceil_mode and another round_mode"),
        (CONV % "Convolution" + "hole: 2 dilation: 2 } }", "layer 'p': got hole in two forms"),
        (CONV % "Convolution" + "hole_h: 2 } }", "layer 'p': got hole in two forms, or half of one"),
    ],
)
def test_refuses_two_spellings_of_one_thing(read, text: str, complaint: str):
    with pytest.raises(CaffeError, match=rf"net\.prototxt: {complaint}"):
        read(text)


def test_relu6_ends_at_6_and_passes_gradients_between(tmp_path: Path):
    (tmp_path / "net.prototxt").write_text(
        "force_backward: true layer { name: 'x' type: 'Input' top: 'x' input_param { shape { dim: 5 } } } "
        "layer { name: 'r' type: 'ReLU6' bottom: 'x' top: 'y' }"
    )
    net = Net(str(tmp_path / "net.prototxt"), TEST)
    made = net.forward(x=np.float32([-1, 0, 3, 6, 9]))["y"]
    assert made.tolist() == [0, 0, 3, 6, 6]


def test_a_net_without_spellings_gives_no_warning(read):
    assert read(DATA + PADDED % "kernel_size: 3 pad: 1")[1] == []


# ---- the offset of a Crop


def edge_net(param: str = "", window: str = "kernel_size: 3 pad: 35") -> str:
    return DATA + PADDED % window + CROP % ("crop", "c", "out", param)


@pytest.mark.parametrize("window, offset", [("kernel_size: 3 pad: 35", "34"), ("kernel_size: 1 pad: 7", "7"),
                                            ("kernel_size: 3 pad: 9 hole: 2", "7")])  # fmt: skip
def test_warns_of_a_crop_whose_bottoms_call_for_an_offset_and_names_the_line(read, window: str, offset: str):
    net, warnings = read(edge_net(window=window))
    assert not net.layer[-1].crop_param.offset
    assert "layer 'crop' (Crop, top 'out') has no offset" in warnings[-1]
    assert f"Fix: add `crop_param {{ offset: {offset} }}`, or choose --dialect longjon" in warnings[-1]


@pytest.mark.parametrize("text", [
    edge_net("crop_param { offset: 34 }"), edge_net("crop_param { offset: 0 }"), edge_net("crop_param { axis: 1 }"),
    edge_net(window="kernel_size: 3 pad: 1"),
    edge_net(window="kernel_size: 2 pad: 9 stride: 2"),  # other strides: no offset aligns them
    DATA + "layer { name: 'i' type: 'Input' top: 'c' }" + CROP % ("crop", "c", "o", ""),
])  # fmt: skip
def test_does_not_warn_of_a_crop_that_is_right_or_has_no_alignment(read, text: str):
    assert read(text)[1] == []


@pytest.mark.parametrize("dialect", [name for name in DIALECTS if DIALECTS[name].aligns_crops])
def test_a_dialect_computes_each_crops_offset_in_turn(read, dialect: str):
    second = PADDED.replace('"c"', '"d"').replace("data", "out") % "kernel_size: 1 pad: 5"
    net, warnings = read(edge_net() + second + CROP % ("again", "d", "end", ""), dialect)
    assert [list(layer.crop_param.offset) for layer in net.layer if layer.type == "Crop"] == [[34], [5]]
    assert warnings == []


def test_a_dialects_crop_moves_the_map_to_where_the_offset_puts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    random, made = np.random.default_rng(0), {}
    image = random.standard_normal((1, 3, 40, 40)).astype(np.float32)
    for name, text, dialect in (("fork", edge_net(), "hed"), ("caffe", edge_net("crop_param { offset: 34 }"), "")):
        (tmp_path / name).write_text(text)
        monkeypatch.setenv("CAFFE_DIALECT", dialect)
        net = Net(str(tmp_path / name), TEST)
        net.params["c"][0].data[...] = np.linspace(-1, 1, 81).reshape(3, 3, 3, 3)
        made[name] = net.forward(data=image)["out"].copy()
    np.testing.assert_array_equal(made["fork"], made["caffe"])


def test_a_dialect_refuses_a_crop_without_alignment(read):
    with pytest.raises(CaffeError, match=r"net\.prototxt: layer 'crop' \(Crop\): .*scale mismatch"):
        read(edge_net(window="kernel_size: 2 pad: 9 stride: 2"), "longjon")


def test_auto_crop_is_a_crop_with_its_offset(read):
    net, warnings = read(edge_net().replace('"Crop"', '"AutoCrop"'))
    assert (net.layer[-1].type, list(net.layer[-1].crop_param.offset)) == ("Crop", [34])
    assert "AutoCrop is read as Crop with offset [34]" in warnings[0]


# ---- the loss of edge detectors


def test_warns_of_the_loss_of_an_edge_net_and_of_no_other(read):
    assert "class-balanced" in read(edge_net() + LOSS % "out")[1][-1]
    data = "layer { name: 'l' type: 'ImageLabelmapData' top: 'a' top: 'b' }"
    assert "--dialect hed, rcf or deepskeleton" in read(DATA + data + LOSS % "data")[1][-1]
    assert read(DATA + LOSS % "data")[1] == []


@pytest.mark.parametrize("dialect, field", [("hed", "others_have_gradient: true"), ("rcf", "negative_weight: 1.1"),
                                            ("deepskeleton", "nonzero_is_positive: true")])  # fmt: skip
def test_an_edge_dialect_balances_the_loss(read, dialect: str, field: str):
    layer = read(DATA + LOSS % "data", dialect)[0].layer[-1]
    expected = text_format.Parse(field, caffe_pb2.BalancedLossParameter())
    assert (layer.type, layer.balanced_loss_param) == ("ClassBalancedSigmoidCrossEntropyLoss", expected)


def test_a_net_trains_with_a_dialects_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "net").write_text("force_backward: true " + DATA.replace("dim: 3", "dim: 1") + (LOSS % "data").replace(
        'bottom: "data" top', 'bottom: "label" top') + "")  # fmt: skip
    text = (tmp_path / "net").read_text().replace('top: "data"', 'top: "data" top: "label"')
    (tmp_path / "net").write_text(text)
    made = {}
    for dialect in ("", "hed"):
        monkeypatch.setenv("CAFFE_DIALECT", dialect)
        net = Net(str(tmp_path / "net"), TRAIN)
        net.blobs["label"].data[0, 0, :10] = 1  # a quarter of the image
        made[dialect] = float(net.forward()["loss"])
    pixels = 40 * 40
    assert made[""] == pytest.approx(pixels * np.log(2), rel=1e-5)
    assert made["hed"] == pytest.approx(pixels * np.log(2) * 2 * 0.25 * 0.75, rel=1e-5)


# ---- words that two forks share

BN = "layer { name: 'bn' type: 'BN' bottom: 'data' top: 'bn' }"


@pytest.mark.parametrize("dialect, blobs", [("segnet", 2), ("pspnet", 4)])
def test_a_dialect_decides_a_bn_without_fields(tmp_path, monkeypatch, dialect: str, blobs: int):
    (tmp_path / "net").write_text(DATA + BN)
    monkeypatch.setenv("CAFFE_DIALECT", dialect)
    assert len(Net(str(tmp_path / "net"), TEST).params["bn"]) == blobs


def test_refuses_an_unknown_dialect(read):
    with pytest.raises(CaffeError, match=f"dialect: got 'caffe2', expected one of {', '.join(DIALECTS)}"):
        read(DATA, "caffe2")


def test_warns_of_a_net_once_however_often_it_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "net.prototxt").write_text(edge_net())
    for _ in range(3):
        prototxt.read_net(tmp_path / "net.prototxt")
    assert len([record for record in caplog.records if "has no offset" in record.getMessage()]) == 1
