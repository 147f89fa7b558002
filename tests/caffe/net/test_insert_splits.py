"""Golden pairs: a net, and what real Caffe 1.0 makes of it (read back from the .caffemodel that it saves)."""

import pytest

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.net.insert_splits import with_splits
from fcn_repro.caffe.proto import caffe_pb2, prototxt

DATA = 'layer { name: "in" type: "Input" top: "data" top: "label" input_param { shape { dim: 2 dim: 3 } } }'
GOLDEN = {
    "one reader each": (
        DATA + 'layer { name: "loss" type: "EuclideanLoss" bottom: "data" bottom: "label" top: "loss" }',
        DATA + 'layer { name: "loss" type: "EuclideanLoss" bottom: "data" bottom: "label" top: "loss" }',
    ),
    "several readers, in order of appearance": (
        DATA
        + """
        layer { name: "a" type: "ReLU" bottom: "data" top: "a" }
        layer { name: "b" type: "Eltwise" bottom: "data" bottom: "a" top: "b" }
        layer { name: "c" type: "Eltwise" bottom: "label" bottom: "data" top: "c" }""",
        DATA
        + """
        layer { name: "data_in_0_split" type: "Split" bottom: "data"
                top: "data_in_0_split_0" top: "data_in_0_split_1" top: "data_in_0_split_2" }
        layer { name: "a" type: "ReLU" bottom: "data_in_0_split_0" top: "a" }
        layer { name: "b" type: "Eltwise" bottom: "data_in_0_split_1" bottom: "a" top: "b" }
        layer { name: "c" type: "Eltwise" bottom: "label" bottom: "data_in_0_split_2" top: "c" }""",
    ),
    "several tops of one layer": (
        DATA
        + """
        layer { name: "a" type: "Eltwise" bottom: "data" bottom: "label" top: "a" }
        layer { name: "b" type: "Eltwise" bottom: "label" bottom: "data" top: "b" }""",
        DATA
        + """
        layer { name: "data_in_0_split" type: "Split" bottom: "data" top: "data_in_0_split_0" top: "data_in_0_split_1" }
        layer { name: "label_in_1_split" type: "Split" bottom: "label"
                top: "label_in_1_split_0" top: "label_in_1_split_1" }
        layer { name: "a" type: "Eltwise" bottom: "data_in_0_split_0" bottom: "label_in_1_split_0" top: "a" }
        layer { name: "b" type: "Eltwise" bottom: "label_in_1_split_1" bottom: "data_in_0_split_1" top: "b" }""",
    ),
    "one reader that reads twice": (
        DATA + 'layer { name: "a" type: "Eltwise" bottom: "data" bottom: "data" top: "a" }',
        DATA
        + """
        layer { name: "data_in_0_split" type: "Split" bottom: "data" top: "data_in_0_split_0" top: "data_in_0_split_1" }
        layer { name: "a" type: "Eltwise" bottom: "data_in_0_split_0" bottom: "data_in_0_split_1" top: "a" }""",
    ),
    "readers after an in-place layer count against that layer": (
        DATA
        + """
        layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 3 } }
        layer { name: "zz" type: "ReLU" bottom: "ip" top: "ip" }
        layer { name: "a" type: "ReLU" bottom: "ip" top: "a" }
        layer { name: "b" type: "Eltwise" bottom: "a" bottom: "ip" top: "b" }""",
        DATA
        + """
        layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 3 } }
        layer { name: "zz" type: "ReLU" bottom: "ip" top: "ip" }
        layer { name: "ip_zz_0_split" type: "Split" bottom: "ip" top: "ip_zz_0_split_0" top: "ip_zz_0_split_1" }
        layer { name: "a" type: "ReLU" bottom: "ip_zz_0_split_0" top: "a" }
        layer { name: "b" type: "Eltwise" bottom: "a" bottom: "ip_zz_0_split_1" top: "b" }""",
    ),
    "a loss weight is the first use": (
        DATA
        + """
        layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" loss_weight: 2.5
                inner_product_param { num_output: 3 } }
        layer { name: "a" type: "Eltwise" bottom: "ip" bottom: "label" top: "a" }
        layer { name: "b" type: "ReLU" bottom: "ip" top: "b" }""",
        DATA
        + """
        layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 3 } }
        layer { name: "ip_ip_0_split" type: "Split" bottom: "ip" loss_weight: 2.5 loss_weight: 0 loss_weight: 0
                top: "ip_ip_0_split_0" top: "ip_ip_0_split_1" top: "ip_ip_0_split_2" }
        layer { name: "a" type: "Eltwise" bottom: "ip_ip_0_split_1" bottom: "label" top: "a" }
        layer { name: "b" type: "ReLU" bottom: "ip_ip_0_split_2" top: "b" }""",
    ),
    "a loss weight alone needs no split": (
        DATA + 'layer { name: "s" type: "ReLU" bottom: "data" top: "s" loss_weight: 3 }',
        DATA + 'layer { name: "s" type: "ReLU" bottom: "data" top: "s" loss_weight: 3 }',
    ),
    "a loss weight of zero is no use": (
        DATA
        + """
        layer { name: "a" type: "ReLU" bottom: "data" top: "a" loss_weight: 0 }
        layer { name: "b" type: "ReLU" bottom: "a" top: "b" }""",
        DATA
        + """
        layer { name: "a" type: "ReLU" bottom: "data" top: "a" loss_weight: 0 }
        layer { name: "b" type: "ReLU" bottom: "a" top: "b" }""",
    ),
    "the implicit weight of a loss is no use": (
        DATA
        + """
        layer { name: "loss" type: "EuclideanLoss" bottom: "data" bottom: "label" top: "loss" }
        layer { name: "s" type: "Silence" bottom: "loss" }""",
        DATA
        + """
        layer { name: "loss" type: "EuclideanLoss" bottom: "data" bottom: "label" top: "loss" }
        layer { name: "s" type: "Silence" bottom: "loss" }""",
    ),
    "splitting one weighted top takes the weights of all": (
        DATA
        + """
        layer { name: "s" type: "Slice" bottom: "data" top: "s1" top: "s2" loss_weight: 2 loss_weight: 3
                slice_param { slice_point: 1 } }
        layer { name: "a" type: "Silence" bottom: "s1" }""",
        DATA
        + """
        layer { name: "s" type: "Slice" bottom: "data" top: "s1" top: "s2" slice_param { slice_point: 1 } }
        layer { name: "s1_s_0_split" type: "Split" bottom: "s1" top: "s1_s_0_split_0" top: "s1_s_0_split_1"
                loss_weight: 2 loss_weight: 0 }
        layer { name: "a" type: "Silence" bottom: "s1_s_0_split_1" }""",
    ),
}


def layers(text: str) -> list:
    return list(prototxt.parse(text, caffe_pb2.NetParameter, "net").layer)


@pytest.mark.parametrize(("net", "expected"), GOLDEN.values(), ids=GOLDEN)
def test_splits_are_caffes(net, expected):
    assert with_splits(layers(net)) == layers(expected)


def test_a_net_with_splits_gets_no_more():
    for _, expected in GOLDEN.values():
        assert with_splits(layers(expected)) == layers(expected)


def test_the_layers_that_are_given_stay_as_they_are():
    net, _ = GOLDEN["a loss weight is the first use"]
    given = layers(net)
    with_splits(given)
    assert given == layers(net)


def test_refuses_a_bottom_that_no_earlier_layer_makes():
    late = 'layer { name: "a" type: "ReLU" bottom: "b" top: "a" } layer { name: "b" type: "ReLU" bottom: "a" top: "b" }'
    with pytest.raises(CaffeError, match=r"layer 'a' \(ReLU\) reads the bottom 'b', which no layer before it makes"):
        with_splits(layers(late))
