"""Golden pairs: a net, and the same net in a .caffemodel that real Caffe 1.0 saves."""

import pytest

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.net.insert_splits import insert_splits
from fcn_repro.caffe.proto import caffe_pb2, prototxt
from tests.fixtures.small_net import layer

DATA = layer("Input", "", "data label", "input_param { shape { dim: 2 dim: 3 } }", "in")
LOSS = "loss EuclideanLoss data label > loss"
IP, SLICE = "inner_product_param { num_output: 3 }", "slice_param { slice_point: 1 }"
# Layers as `name type bottoms > tops | fields`; a split's tops are counted.
GOLDEN = {
    "one reader each": ([LOSS], [LOSS]),
    "several readers, in order of appearance": (
        ["a ReLU data > a", "b Eltwise data a > b", "c Eltwise label data > c"],
        ["data_in_0_split Split data > 3", "a ReLU data_in_0_split_0 > a", "b Eltwise data_in_0_split_1 a > b",
         "c Eltwise label data_in_0_split_2 > c"],
    ),
    "several tops of one layer": (
        ["a Eltwise data label > a", "b Eltwise label data > b"],
        ["data_in_0_split Split data > 2", "label_in_1_split Split label > 2",
         "a Eltwise data_in_0_split_0 label_in_1_split_0 > a", "b Eltwise label_in_1_split_1 data_in_0_split_1 > b"],
    ),
    "one reader that reads twice": (
        ["a Eltwise data data > a"],
        ["data_in_0_split Split data > 2", "a Eltwise data_in_0_split_0 data_in_0_split_1 > a"],
    ),
    "readers after an in-place layer read that layer": (
        [f"ip InnerProduct data > ip | {IP}", "zz ReLU ip > ip", "a ReLU ip > a", "b Eltwise a ip > b"],
        [f"ip InnerProduct data > ip | {IP}", "zz ReLU ip > ip", "ip_zz_0_split Split ip > 2",
         "a ReLU ip_zz_0_split_0 > a", "b Eltwise a ip_zz_0_split_1 > b"],
    ),
    "a loss weight is the first use": (
        [f"ip InnerProduct data > ip | {IP} loss_weight: 2.5", "a Eltwise ip label > a", "b ReLU ip > b"],
        [f"ip InnerProduct data > ip | {IP}",
         "ip_ip_0_split Split ip > 3 | loss_weight: 2.5 loss_weight: 0 loss_weight: 0",
         "a Eltwise ip_ip_0_split_1 label > a", "b ReLU ip_ip_0_split_2 > b"],
    ),
    "a loss weight alone needs no split": (["s ReLU data > s | loss_weight: 3"],) * 2,
    "a loss weight of zero is no use": (["a ReLU data > a | loss_weight: 0", "b ReLU a > b"],) * 2,
    "the implicit weight of a loss is no use": ([LOSS, "s Silence loss >"],) * 2,
    "splitting one weighted top takes the weights of all": (
        [f"s Slice data > s1 s2 | loss_weight: 2 loss_weight: 3 {SLICE}", "a Silence s1 >"],
        [f"s Slice data > s1 s2 | {SLICE}", "s1_s_0_split Split s1 > 2 | loss_weight: 2 loss_weight: 0",
         "a Silence s1_s_0_split_1 >"],
    ),
}  # fmt: skip


def parse(layers: list[str]) -> list:
    texts = [DATA]
    for line in layers:
        head, _, more = line.partition("|")
        (name, type_, *bottoms), tops = (part.split() for part in head.split(">"))
        if type_ == "Split":
            tops = [f"{name}_{k}" for k in range(int(tops[0]))]
        texts.append(layer(type_, " ".join(bottoms), " ".join(tops), more, name))
    return list(prototxt.parse("".join(texts), caffe_pb2.NetParameter, "net").layer)


@pytest.mark.parametrize(("net", "expected"), GOLDEN.values(), ids=GOLDEN)
def test_splits_equal_caffes_and_a_second_pass_adds_none(net, expected):
    layers = parse(net)
    assert insert_splits(layers) == parse(expected)
    assert layers == parse(net)  # the arguments stay unchanged
    assert insert_splits(parse(expected)) == parse(expected)


def test_refuses_a_bottom_that_no_earlier_layer_makes():
    with pytest.raises(CaffeError, match=r"layer 'a' \(ReLU\) reads the bottom 'b', which no earlier layer makes"):
        insert_splits(parse(["a ReLU b > a", "b ReLU a > b"]))
