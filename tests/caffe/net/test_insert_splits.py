"""Golden pairs: a net, and the same net in a .caffemodel that real Caffe 1.0 saves."""

import pytest

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.net.insert_splits import insert_splits
from fcn_repro.caffe.proto import caffe_pb2, prototxt

IP = "inner_product_param { num_output: 3 }"


def layer(name: str, type_: str, bottoms: str = "", tops: str = "", more: str = "") -> str:
    ends = "".join(f'{end}: "{blob}" ' for end, blobs in (("bottom", bottoms), ("top", tops)) for blob in blobs.split())
    return f'layer {{ name: "{name}" type: "{type_}" {ends} {more} }}'


def split(blob: str, name: str, count: int, more: str = "") -> str:
    return layer(name, "Split", blob, " ".join(f"{name}_{k}" for k in range(count)), more)


DATA = layer("in", "Input", "", "data label", "input_param { shape { dim: 2 dim: 3 } }")
LOSS = layer("loss", "EuclideanLoss", "data label", "loss")
GOLDEN = {
    "one reader each": ([LOSS], [LOSS]),
    "several readers, in order of appearance": (
        [
            layer("a", "ReLU", "data", "a"),
            layer("b", "Eltwise", "data a", "b"),
            layer("c", "Eltwise", "label data", "c"),
        ],
        [
            split("data", "data_in_0_split", 3),
            layer("a", "ReLU", "data_in_0_split_0", "a"),
            layer("b", "Eltwise", "data_in_0_split_1 a", "b"),
            layer("c", "Eltwise", "label data_in_0_split_2", "c"),
        ],
    ),
    "several tops of one layer": (
        [layer("a", "Eltwise", "data label", "a"), layer("b", "Eltwise", "label data", "b")],
        [
            split("data", "data_in_0_split", 2),
            split("label", "label_in_1_split", 2),
            layer("a", "Eltwise", "data_in_0_split_0 label_in_1_split_0", "a"),
            layer("b", "Eltwise", "label_in_1_split_1 data_in_0_split_1", "b"),
        ],
    ),
    "one reader that reads twice": (
        [layer("a", "Eltwise", "data data", "a")],
        [split("data", "data_in_0_split", 2), layer("a", "Eltwise", "data_in_0_split_0 data_in_0_split_1", "a")],
    ),
    "readers after an in-place layer read that layer": (
        [
            layer("ip", "InnerProduct", "data", "ip", IP),
            layer("zz", "ReLU", "ip", "ip"),
            layer("a", "ReLU", "ip", "a"),
            layer("b", "Eltwise", "a ip", "b"),
        ],
        [
            layer("ip", "InnerProduct", "data", "ip", IP),
            layer("zz", "ReLU", "ip", "ip"),
            split("ip", "ip_zz_0_split", 2),
            layer("a", "ReLU", "ip_zz_0_split_0", "a"),
            layer("b", "Eltwise", "a ip_zz_0_split_1", "b"),
        ],
    ),
    "a loss weight is the first use": (
        [
            layer("ip", "InnerProduct", "data", "ip", IP + " loss_weight: 2.5"),
            layer("a", "Eltwise", "ip label", "a"),
            layer("b", "ReLU", "ip", "b"),
        ],
        [
            layer("ip", "InnerProduct", "data", "ip", IP),
            split("ip", "ip_ip_0_split", 3, "loss_weight: 2.5 loss_weight: 0 loss_weight: 0"),
            layer("a", "Eltwise", "ip_ip_0_split_1 label", "a"),
            layer("b", "ReLU", "ip_ip_0_split_2", "b"),
        ],
    ),
    "a loss weight alone needs no split": ([layer("s", "ReLU", "data", "s", "loss_weight: 3")],) * 2,
    "a loss weight of zero is no use": (
        [layer("a", "ReLU", "data", "a", "loss_weight: 0"), layer("b", "ReLU", "a", "b")],
    ) * 2,
    "the implicit weight of a loss is no use": ([LOSS, layer("s", "Silence", "loss")],) * 2,
    "splitting one weighted top takes the weights of all": (
        [
            layer("s", "Slice", "data", "s1 s2", "loss_weight: 2 loss_weight: 3 slice_param { slice_point: 1 }"),
            layer("a", "Silence", "s1"),
        ],
        [
            layer("s", "Slice", "data", "s1 s2", "slice_param { slice_point: 1 }"),
            split("s1", "s1_s_0_split", 2, "loss_weight: 2 loss_weight: 0"),
            layer("a", "Silence", "s1_s_0_split_1"),
        ],
    ),
}  # fmt: skip


def parse(layers: list[str]) -> list:
    return list(prototxt.parse(DATA + "".join(layers), caffe_pb2.NetParameter, "net").layer)


@pytest.mark.parametrize(("net", "expected"), GOLDEN.values(), ids=GOLDEN)
def test_splits_equal_caffes_and_a_second_pass_adds_none(net, expected):
    layers = parse(net)
    assert insert_splits(layers) == parse(expected)
    assert layers == parse(net)  # the arguments stay unchanged
    assert insert_splits(parse(expected)) == parse(expected)


def test_refuses_a_bottom_that_no_earlier_layer_makes():
    with pytest.raises(CaffeError, match=r"layer 'a' \(ReLU\) reads the bottom 'b', which no earlier layer makes"):
        insert_splits(parse([layer("a", "ReLU", "b", "a"), layer("b", "ReLU", "a", "b")]))
