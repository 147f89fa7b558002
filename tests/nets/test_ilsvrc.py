"""Expectations are from BVLC's and VGG's released models."""

import pytest

from nets import CLASSIFIERS, CONVOLUTIONAL, build
from tests.fixtures.window_arithmetic import DATA, by_name, parameters, walk

VGG_LAYERS = [
    *("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv4_1", "conv4_2", "conv4_3"),
    *("conv5_1", "conv5_2", "conv5_3", "fc6", "fc7", "fc8"),
]
CAFFENET_LAYERS = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]


def weighted(net) -> list[str]:
    return [layer.name for layer in net.layer if layer.type in ("Convolution", "InnerProduct")]


@pytest.mark.parametrize(
    ("net", "size", "count"),
    [
        ("vgg16", 224, 138_357_544),
        ("vgg19", 224, 143_667_240),
        ("caffenet", 227, 60_965_224),
        ("alexnet", 227, 60_965_224),
        ("googlenet", 224, 6_998_552),
    ],
)
def test_parameter_counts_are_the_released_models(net: str, size: int, count: int):
    assert sum(parameters(build(net, "deploy"), size).values()) == count


def test_layer_names_are_those_that_released_weights_are_stored_under():
    assert weighted(build("vgg16", "deploy")) == VGG_LAYERS
    assert weighted(build("caffenet", "deploy")) == weighted(build("alexnet", "deploy")) == CAFFENET_LAYERS
    names = weighted(build("googlenet", "deploy"))
    assert len(names) == 58
    assert {"conv1/7x7_s2", "inception_3a/5x5_reduce", "inception_5b/pool_proj", "loss3/classifier"} <= set(names)
    relus = {layer.name for layer in build("googlenet", "deploy").layer if layer.type == "ReLU"}
    assert {"conv1/relu_7x7", "conv2/relu_3x3_reduce", "inception_3a/relu_pool_proj"} <= relus


@pytest.mark.parametrize(("net", "layers"), [("caffenet", (24, 25, 22)), ("googlenet", (159, 145, 142))])
def test_layer_counts_by_phase(net: str, layers: tuple):
    """BVLC's deploy files keep dropout, which does nothing there; ours leave it out."""
    assert tuple(len(build(net, phase).layer) for phase in ("train", "val", "deploy")) == layers


def test_caffenet_starts_as_bvlc_started_it():
    layers = by_name(build("caffenet", "train"))
    start = {
        name: (param.weight_filler.type, round(param.weight_filler.std, 6), param.bias_filler.value)
        for name in CAFFENET_LAYERS
        for param in [layers[name].convolution_param if "conv" in name else layers[name].inner_product_param]
    }
    assert start == {
        **{name: ("gaussian", 0.01, 0) for name in ("conv1", "conv3", "fc8")},
        **{name: ("gaussian", 0.01, 1) for name in ("conv2", "conv4", "conv5")},
        **{name: ("gaussian", 0.005, 1) for name in ("fc6", "fc7")},
    }


def test_alexnet_normalises_before_it_pools_and_starts_from_smaller_biases():
    layers = by_name(build("alexnet", "train"))
    bottoms = [layers[name].bottom[0] for name in ("norm1", "pool1", "conv2", "norm2", "pool2", "conv3")]
    assert bottoms == ["conv1", "norm1", "pool1", "conv2", "norm2", "pool2"]
    biases = [layers[f"conv{i}"].convolution_param.bias_filler.value for i in range(1, 6)]
    assert biases == pytest.approx([0, 0.1, 0, 0.1, 0.1])


def test_googlenet_trains_with_two_more_classifiers_at_a_third_of_the_weight():
    losses = {
        layer.name: (list(layer.top), [round(weight, 3) for weight in layer.loss_weight])
        for layer in build("googlenet", "train").layer
        if layer.type == "SoftmaxWithLoss"
    }
    assert losses == {
        "loss3/loss3": (["loss3/loss3"], []),
        "loss1/loss": (["loss1/loss1"], [0.3]),
        "loss2/loss": (["loss2/loss2"], [0.3]),
    }
    layers = by_name(build("googlenet", "train"))
    assert list(layers["loss1/ave_pool"].bottom) == ["inception_4a/output"]
    assert list(layers["loss2/ave_pool"].bottom) == ["inception_4d/output"]
    assert layers["loss1/drop_fc"].dropout_param.dropout_ratio == pytest.approx(0.7)
    assert not any(name.startswith("loss1") for name in by_name(build("googlenet", "val")))


def test_googlenet_sees_907_pixels_with_the_pooling_that_fcn_discards():
    assert walk(build("googlenet", "deploy"), 500)["pool5/7x7_s1"].field == 907


def test_ilsvrc_is_read_from_its_databases():
    data = build("caffenet", "train").layer[0]
    assert (data.type, data.data_param.batch_size, data.transform_param.crop_size) == ("Data", 256, 227)
    assert data.transform_param.mirror
    val = build("googlenet", "val").layer[0]
    assert (val.data_param.batch_size, list(val.transform_param.mean_value)) == (50, [104, 117, 123])
    assert not val.transform_param.mirror


def test_a_data_set_given_is_read_in_place_of_ilsvrc_without_dropout():
    layers = by_name(build("mini-vgg16", "train", DATA))
    assert next(iter(layers.values())).python_param.layer == "SBDDSegDataLayer"
    assert layers["fc8"].inner_product_param.num_output == 21
    assert layers["conv1_1"].convolution_param.weight_filler.type == "xavier"
    assert "Dropout" not in {layer.type for layer in layers.values()}


def test_a_small_window_is_surrounded_by_nothing_until_it_fills_the_field_of_fc6():
    """Zeros on every side of exact copies: what fc6 learns is what it will see of a larger image's middle."""
    pad5 = by_name(build("mini-vgg16", "train", DATA))["pad5"]
    assert (pad5.convolution_param.pad[0], pad5.convolution_param.weight_filler.value) == (2, 1)
    assert pad5.convolution_param.group == pad5.convolution_param.num_output == 64
    assert pad5.param[0].lr_mult == 0
    assert "pad5" not in by_name(build("mini-vgg16-fcn", "deploy", DATA))


def size(net) -> int:
    """The side of the square image that a deploy net is written for."""
    return net.layer[0].input_param.shape[0].dim[2]


@pytest.mark.parametrize("net", CONVOLUTIONAL)
def test_convolutional_form_has_the_parameter_count_of_every_dense_layer_but_none_that_is_dense(net: str):
    """What flat transplantation rests on."""
    dense, convolutional = build(CONVOLUTIONAL[net], "deploy", DATA), build(net, "deploy", DATA)
    expected = {name: count for name, count in parameters(dense, size(dense)).items() if name != "pad5"}
    assert parameters(convolutional, size(convolutional)) == expected
    assert "InnerProduct" not in {layer.type for layer in convolutional.layer}


@pytest.mark.parametrize("net", CLASSIFIERS)
def test_every_weight_has_a_filler_where_training_starts(net: str):
    for layer in build(net, "train", DATA).layer:
        for param in (layer.convolution_param, layer.inner_product_param):
            if param.num_output:
                assert param.HasField("weight_filler") and param.HasField("bias_filler"), layer.name
