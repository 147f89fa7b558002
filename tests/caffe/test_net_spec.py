import numpy as np
import pytest

from fcn_repro.caffe.net_spec import NetSpec, param_name_dict, to_proto
from fcn_repro.caffe.net_spec import layers as L
from fcn_repro.caffe.net_spec import params as P
from fcn_repro.caffe.proto import caffe_pb2, prototxt


def layer(top):
    return top.to_proto().layer[-1]


def names(proto) -> list[str]:
    return [layer.name for layer in proto.layer]


# ---- names and order


def test_a_net_equals_the_prototxt_it_writes():
    n = NetSpec()
    n.data, n.label = L.Python(module="voc_layers", layer="VOCSegDataLayer", ntop=2, param_str="{}")
    n.conv1 = L.Convolution(n.data, kernel_size=3, num_output=8, pad=1, param=[dict(lr_mult=1), dict(lr_mult=2)])
    n.relu1 = L.ReLU(n.conv1, in_place=True)
    n.pool1 = L.Pooling(n.relu1, pool=P.Pooling.AVE, kernel_size=2, stride=2)
    n.loss = L.SoftmaxWithLoss(n.pool1, n.label, loss_param=dict(normalize=False, ignore_label=255))
    text = """
        layer { name: "data" type: "Python" top: "data" top: "label"
                python_param { module: "voc_layers" layer: "VOCSegDataLayer" param_str: "{}" } }
        layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1" param { lr_mult: 1 } param { lr_mult: 2 }
                convolution_param { num_output: 8 pad: 1 kernel_size: 3 } }
        layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
        layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
                pooling_param { pool: AVE kernel_size: 2 stride: 2 } }
        layer { name: "loss" type: "SoftmaxWithLoss" bottom: "pool1" bottom: "label" top: "loss"
                loss_param { normalize: false ignore_label: 255 } }"""
    assert n.to_proto() == prototxt.parse(text, caffe_pb2.NetParameter, "expected")


def test_names_are_the_last_assigned_or_counted_by_type():
    first = L.ReLU(L.Input())
    assert names(to_proto(L.Eltwise(first, L.ReLU(first)))) == ["Input1", "ReLU1", "ReLU2", "Eltwise1"]
    n = NetSpec()
    n.first = n.second = L.Input()
    n["conv1/7x7_s2"] = L.ReLU(n.second)
    n.other = L.ReLU(n["conv1/7x7_s2"])
    del n["other"]
    assert names(n.to_proto()) == ["second", "conv1/7x7_s2"]


def test_a_name_is_the_layers_and_not_its_tops_and_a_layer_may_have_none():
    n = NetSpec()
    n.blob = L.Input(name="layer")
    n.quiet = L.Silence(n.blob, ntop=0)
    assert [(layer.name, *layer.top) for layer in n.to_proto().layer] == [("layer", "blob"), ("quiet",)]


def test_a_layer_follows_the_layers_it_needs_and_appears_once():
    n = NetSpec()
    data = L.Input()
    n.late = L.ReLU(data)
    n.data = data
    n.sum = L.Eltwise(n.late, n.late)
    assert names(n.to_proto()) == ["data", "late", "sum"]


def test_in_place_tops_are_the_bottoms():
    n = NetSpec()
    n.data = L.Input()
    n.relu = L.ReLU(n.data, in_place=True)
    n.next = L.ReLU(n.relu)
    relu, after = n.to_proto().layer[1:]
    assert (relu.name, *relu.top) == ("relu", "data")
    assert list(after.bottom) == ["data"]


# ---- keywords


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        (L.Deconvolution(L.Input(), convolution_param=dict(kernel_size=4, bias_term=False)),
         'type: "Deconvolution" convolution_param { kernel_size: 4 bias_term: false }'),
        (L.EuclideanLoss(L.Input(), L.Input(), loss_weight=0.5, propagate_down=[True, False], phase=1),
         'type: "EuclideanLoss" loss_weight: 0.5 propagate_down: true propagate_down: false phase: TEST'),
        (L.Convolution(L.Input(), kernel_size=3, param=dict(lr_mult=0)),
         'type: "Convolution" param { lr_mult: 0 } convolution_param { kernel_size: 3 }'),
        (L.Convolution(L.Input(), num_output=np.int64(7), weight_filler=dict(std=np.float32(0.25))),
         'type: "Convolution" convolution_param { num_output: 7 weight_filler { std: 0.25 } }'),
    ],
    ids=["a shared message as a dict", "fields of the layer", "one value or dict as a list", "numpy's scalars"],
)  # fmt: skip
def test_keywords_are_fields_of_the_types_message_or_of_the_layer(top, expected):
    found = layer(top)
    for field in ("name", "bottom", "top"):
        found.ClearField(field)
    assert found == prototxt.parse(f"layer {{ {expected} }}", caffe_pb2.NetParameter, "expected").layer[0]


def test_the_schema_defines_the_types_parameters():
    found = param_name_dict()
    assert (found["InnerProduct"], found["HDF5Data"], found["TanH"]) == ("inner_product", "hdf5_data", "tanh")
    assert "Deconvolution" not in found


# ---- refusals


@pytest.mark.parametrize(
    ("make", "error", "complaint"),
    [
        (lambda: L.Convolution(L.Input(), "data"), TypeError,
         r"^Convolution input 1 is not a Top \(type is <class 'str'>\)$"),
        (lambda: layer(L.Convolution(L.Input(), kernel=3)), AttributeError,
         "Convolution layer 'Convolution1' takes no parameter 'kernel'"),
        (lambda: layer(L.Pooling(L.Input(), kernel_size=[3, 3])), AttributeError,
         r"PoolingParameter\.kernel_size takes one value, not the list \[3, 3\]"),
        (lambda: layer(L.Convolution(L.Input(), kernel_size=[])), IndexError, ".*"),
        (lambda: layer(L.Convolution(L.Input(), convolution_param=dict(num_outputs=3))), AttributeError,
         r"^Convolution layer 'Convolution1', convolution_param\.num_outputs: ConvolutionParameter has no such field; "
         r"did you mean num_output\?$"),
        (lambda: layer(L.Convolution(L.Input(), weight_filler=dict(std="x"))), TypeError,
         r"^Convolution layer 'Convolution1', weight_filler\.std: "),
        (lambda: layer(L.Convolution(L.Input(), param=[{}, dict(lr_mult="x")])), TypeError,
         r"^Convolution layer 'Convolution1', param\[1\]\.lr_mult: "),
        (lambda: layer(L.Convolution(L.Input(), engine="CUDA")), ValueError,
         "^Convolution layer 'Convolution1', engine: .*CUDA"),
        (lambda: layer(L.Detection(L.Input(), prior_box_param={})), AttributeError, "prior_box_param.*of SSD"),
        (lambda: NetSpec().conv1, KeyError, "conv1"),
        (lambda: P.Pooling.MEDIAN, AttributeError, ".*"),
    ],
    ids=["bottom", "parameter", "list", "empty list", "field", "value", "listed value", "enum", "fork", "name",
         "enum value"],
)  # fmt: skip
def test_refuses(make, error, complaint):
    with pytest.raises(error, match=complaint):
        make()
