"""Expectations are from the released prototxts or from arithmetic on paper; no offset is computed by coord_map here."""

import ast

import pytest

from nets import FCNS, build
from tests.fixtures.window_arithmetic import DATA, LATE, by_name, data, data_for, parameters, walk

OFFSETS = {
    "vgg16-32s": {"score": 19},
    "vgg16-16s": {"score_pool4c": 5, "score": 27},
    "vgg16-8s": {"score_pool4c": 5, "score_pool3c": 9, "score": 31},
    "vgg16-8s-atonce": {"score_pool4c": 5, "score_pool3c": 9, "score": 31},
    "alexnet-32s": {"score": 18},
    "vgg16-32s-early": {"score": 19},
    "vgg16-32s-late": {"score": 19},
    "vgg16-16s-late": {"score_pool4c": 5, "score": 27},
    "vgg16-pool5": {"score": 115},
    "vgg16-pool4": {"score": 107},
    "vgg16-pool3": {"score": 103},
    "vgg16-16s-pool5s1": {"score": 11},
    "vgg19-32s": {"score": 19},
    "googlenet-32s": {"score": 1},
    "googlenet-16s": {"upscore2c": 0, "score": 1},
    "googlenet-8s": {"upscore2c": 0, "upscore_inception_4ec": 0, "score": 1},
    # On paper: inception_5b's first cell is centred on pixel 30 with pad 3, so on -67 with pad 100, and three cells
    # further in the mean of seven: 29. The kernel's centre, 31, has to lie there.
    "googlenet-32s-pooled": {"score": 2},
}
KERNELS = {
    "vgg16-32s": {"upscore": (64, 32)},
    "vgg16-16s": {"upscore2": (4, 2), "upscore16": (32, 16)},
    "vgg16-8s": {"upscore2": (4, 2), "upscore_pool4": (4, 2), "upscore8": (16, 8)},
    "vgg16-pool5": {"upscore": (64, 32)},
    "vgg16-pool4": {"upscore": (32, 16)},
    "vgg16-pool3": {"upscore": (16, 8)},
    "vgg16-16s-pool5s1": {"upscore": (32, 16)},
    "vgg19-32s": {"upscore": (64, 32)},
    "alexnet-32s": {"upscore": (63, 32)},
    "googlenet-32s-pooled": {"upscore": (63, 32)},
    "googlenet-32s": {"upscore": (63, 32)},
    "googlenet-16s": {"upscore2": (3, 2), "upscore16": (31, 16)},
    "googlenet-8s": {"upscore2": (3, 2), "upscore_inception_4e": (3, 2), "upscore8": (15, 8)},
}


def train(net: str, normalize: bool = False):
    return build(net, "train", data_for(net), normalize)


def learning(net: str) -> dict[str, list[float]]:
    """lr_mult of every layer's parameters."""
    return {layer.name: [spec.lr_mult for spec in layer.param] for layer in train(net).layer if layer.param}


# ---- geometry


@pytest.mark.parametrize("net", OFFSETS)
def test_crop_offsets_and_upsampling_kernels_follow_from_the_layers(net: str):
    layers = train(net).layer
    crops = {layer.name: list(layer.crop_param.offset) for layer in layers if layer.type == "Crop"}
    assert crops == {name: [offset] for name, offset in OFFSETS[net].items()}
    params = {layer.name: layer.convolution_param for layer in layers if layer.type == "Deconvolution"}
    if net in KERNELS:
        kernels = {name: (param.kernel_size[0], param.stride[0]) for name, param in params.items()}
        assert kernels == KERNELS[net]


@pytest.mark.parametrize(
    ("height", "vgg", "alexnet"),
    [
        (500, (88, 44, 22, 16), 16),
        (375, (72, 36, 18, 12), 12),
        (333, (67, 34, 17, 11), None),
        (425, (78, 39, 20, 14), None),
        (560, (95, 48, 24, 18), None),
        (256, (57, 29, 15, 9), 9),
        (224, (53, 27, 14, 8), None),
    ],
)
def test_vgg_halves_and_rounds_up_and_alexnets_fc7_is_as_large(height: int, vgg: tuple, alexnet: int | None):
    planes = walk(train("vgg16-8s"), height)
    assert tuple(planes[name].cells for name in ("pool3", "pool4", "pool5", "fc7")) == vgg
    assert alexnet in (None, walk(train("alexnet-32s"), height)["fc7"].cells)


def test_released_8s_net_at_500_by_375():
    """Widths and heights as real Caffe prints them."""
    wide, high = (walk(build("vgg16-8s", "deploy", DATA), size) for size in (500, 375))
    shapes = {"conv1_1": (698, 573), "upscore2": (34, 26), "score_pool4c": (34, 26), "upscore_pool4": (70, 54),
              "score_pool3c": (70, 54), "upscore8": (568, 440), "score": (500, 375)}  # fmt: skip
    assert {name: (wide[name].cells, high[name].cells) for name in shapes} == shapes


@pytest.mark.parametrize(
    ("net", "smallest"),
    [(net, 31 if net.startswith("googlenet") and "pooled" not in net else 1) for net in FCNS if "mini" not in net],
)
def test_every_size_of_image_is_scored_whole(net: str, smallest: int):
    message = train(net)
    for height in range(smallest, 400):
        assert walk(message, height)["score"].cells == height


@pytest.mark.parametrize(
    ("net", "tap", "field", "stride", "count"),
    [
        ("vgg16-32s", "fc7", 404, 32, 134_346_581),
        ("vgg16-pool5", "pool5", 212, 32, 14_714_688 + 21 * 513),
        ("vgg16-pool4", "pool4", 100, 16, None),
        ("vgg16-pool3", "pool3", 44, 8, None),
        ("vgg16-16s-pool5s1", "fc7", 212 + 13 * 16, 16, None),
        ("vgg19-32s", "fc7", 404 + 2 * (4 + 8 + 16), 32, 134_346_581 + 9 * 256 * 256 + 256 + 2 * (9 * 512 * 512 + 512)),
        ("googlenet-32s-pooled", "pool5/7x7_s1", 907, 32, 5_995_077),
        ("alexnet-32s", "fc7", 355, 32, 56_954_261),
        ("googlenet-32s", "inception_5b/output", 715, 32, 5_995_077),
        ("googlenet-16s", "inception_4e/output", 427, 16, None),
        ("googlenet-8s", "inception_3b/output", 91, 8, None),
    ],
)
def test_receptive_field_stride_and_parameters(net: str, tap: str, field: int, stride: int, count: int):
    plane = walk(train(net), 500)[tap]
    assert (plane.field, plane.jump) == (field, stride)
    if count:
        assert sum(parameters(train(net)).values()) == count


# ---- what the layers say


@pytest.mark.parametrize(
    ("net", "layers"),
    [
        *(("vgg16-32s", 42), ("vgg16-16s", 46), ("vgg16-8s", 50), ("vgg16-8s-atonce", 52), ("alexnet-32s", 26)),
        *(("vgg16-32s-early", 43), ("vgg16-32s-late", 81)),
    ],
)
def test_layer_counts_are_the_references(net: str, layers: int):
    assert len(train(net).layer) == layers


@pytest.mark.parametrize("net", [net for net in FCNS if "fixed" not in net])
def test_biases_learn_twice_as_fast_and_do_not_decay_but_for_alexnets_own(net: str):
    for layer in train(net).layer:
        if layer.type == "Convolution":
            has_multipliers = net != "alexnet-32s" or layer.name == "score_fr"
            expected = [(1, 1), (2, 0)] if has_multipliers else []
            assert [(spec.lr_mult, spec.decay_mult) for spec in layer.param] == expected, layer.name


def test_a_fixed_net_learns_its_scores_alone():
    learns = learning("vgg16-32s-fixed")
    assert {name for name, rates in learns.items() if any(rates)} == {"score_fr"}
    assert learns["fc7"] == [0, 0] and learns["score_fr"] == [1, 2]


@pytest.mark.parametrize(
    ("net", "learned"),
    [
        ("vgg16-8s", set()),
        ("vgg16-8s-cvpr", {"upscore2", "upscore_pool4"}),
        ("vgg16-8s-learned", {"upscore2", "upscore_pool4", "upscore8"}),
        ("vgg16-32s-learned", {"upscore"}),
    ],
)
def test_upsampling_that_learns_is_all_or_all_but_the_last(net: str, learned: set):
    upscores = {name: rates for name, rates in learning(net).items() if name.startswith("upscore")}
    assert upscores == {name: [float(name in learned)] for name in upscores}


@pytest.mark.parametrize("net", FCNS)
def test_no_layer_has_a_filler_and_upsampling_no_bias_or_groups(net: str):
    """Scores start at zero, but for the net that compares this with random ones."""
    for layer in train(net).layer:
        param = layer.convolution_param
        starts = {"fc": FCNS[net].style.fc_filler, "score": "gaussian" if FCNS[net].score_std else ""}
        filled = layer.type == "Convolution" and next(
            (starts[name] for name in starts if layer.name.startswith(name)), ""
        )
        assert param.weight_filler.type == filled if filled else not param.HasField("weight_filler")
        if layer.type == "Deconvolution":
            assert (len(layer.param), param.bias_term, param.group, param.num_output) == (1, False, 1, 21)


def test_at_once_tames_the_skips():
    layers = by_name(train("vgg16-8s-atonce"))
    for tap, value in (("pool4", 0.01), ("pool3", 0.0001)):
        scale = layers[f"scale_{tap}"]
        assert scale.scale_param.filler.value == pytest.approx(value)
        assert (scale.scale_param.filler.type, scale.scale_param.bias_term) == ("constant", False)
        assert [spec.lr_mult for spec in scale.param] == [0]
        assert list(layers[f"score_{tap}"].bottom) == [f"scale_{tap}"]


@pytest.mark.parametrize(("net", "operation"), [("vgg16-16s", "SUM"), ("vgg16-8s-max", "MAX")])
def test_skips_are_added_or_the_larger_score_is_taken(net: str, operation: str):
    fuse = by_name(train(net))["fuse_pool4"]
    assert fuse.eltwise_param.EltwiseOp.Name(fuse.eltwise_param.operation) == operation
    assert list(fuse.bottom) == ["upscore2", "score_pool4c"]


@pytest.mark.parametrize("last", ["pool3", "pool4", "pool5"])
def test_a_truncated_net_ends_at_its_pool(last: str):
    net = f"vgg16-{last}"
    layers, whole = list(by_name(train(net))), list(by_name(train("vgg16-32s")))
    assert layers == [*whole[: whole.index(last) + 1], "score_fr", "upscore", "score", "loss"]
    assert list(by_name(train(net))["score_fr"].bottom) == [last]


def test_early_fusion_reads_all_channels_with_a_first_layer_of_another_name():
    layers = by_name(train("vgg16-32s-early"))
    assert (list(layers["data"].bottom), layers["data"].type) == (["color", "depth"], "Concat")
    assert "conv1_1" not in layers and list(layers["conv1_1_bgrd"].bottom) == ["data"]
    assert parameters(train("vgg16-32s-early"))["conv1_1_bgrd"] == 64 * (4 * 9 + 1)


@pytest.mark.parametrize("net", ["vgg16-32s-late", "vgg16-16s-late"])
def test_late_fusion_averages_the_scores_of_two_whole_trunks(net: str):
    layers = by_name(train(net))
    fused = [layer for layer in layers.values() if layer.eltwise_param.coeff]
    assert [list(layer.eltwise_param.coeff) for layer in fused] == [[0.5, 0.5]] * (1 + net.startswith("vgg16-16s"))
    assert list(layers["score_fused"].bottom) == ["score_frcolor", "score_frhha"]
    for name in ("conv1_1", "fc7", "drop7", "score_fr"):
        assert layers[f"{name}color"].type == layers[f"{name}hha"].type
    assert list(layers["conv1_1hha"].bottom) == ["hha"]
    assert list(layers["score"].bottom)[1] == "color"


def test_a_net_of_two_heads_has_the_labels_name_behind_every_layer_of_each():
    layers = by_name(build("vgg16-16s", "train", data(sem=33, geo=3)))
    heads = [name for name in layers if name.endswith(("_sem", "_semc"))]
    assert heads == [
        *("score_fr_sem", "upscore2_sem", "score_pool4_sem", "score_pool4_semc", "fuse_pool4_sem", "upscore16_sem"),
        "score_sem",
    ]
    assert {name.replace("_sem", "_geo") for name in heads} <= set(layers)
    assert [list(layers[name].bottom) for name in ("loss", "loss_geo")] == [["score_sem", "sem"], ["score_geo", "geo"]]
    assert [layers[name].convolution_param.num_output for name in ("score_fr_sem", "upscore2_geo")] == [33, 3]


def test_pool5_at_stride_1_leaves_fc6_a_window_of_14_cells():
    layers = by_name(train("vgg16-16s-pool5s1"))
    assert (layers["pool5"].pooling_param.kernel_size, layers["pool5"].pooling_param.stride) == (2, 1)
    fc6 = layers["fc6_14x14"].convolution_param
    assert (list(fc6.kernel_size), list(fc6.pad), fc6.num_output) == ([14], [1], 4096)


def test_loss_is_summed_or_averaged_as_told():
    summed, averaged = (by_name(train("alexnet-32s", normalize))["loss"].loss_param for normalize in (False, True))
    assert (summed.normalize, averaged.normalize) == (False, True)
    assert summed.ignore_label == averaged.ignore_label == 255


def test_mini_nets_are_vgg_but_for_their_width():
    narrow, full = train("vgg16-mini-8s"), train("vgg16-8s")
    ratios = set()
    for small, large in zip(narrow.layer, full.layer, strict=True):
        if large.type == "Convolution" and not large.name.startswith("score"):
            ratios.add(large.convolution_param.num_output / small.convolution_param.num_output)
            small.convolution_param.num_output = large.convolution_param.num_output
    assert narrow == full
    assert len(ratios) == 1 and ratios.pop() > 1


# ---- phases


def test_data_layers_are_the_data_sets_own():
    for phase, layer in (("train", "SBDDSegDataLayer"), ("val", "VOCSegDataLayer")):
        data = build("vgg16-8s", phase, DATA).layer[0]
        assert (data.name, *data.top) == ("data", "data", "label")
        assert (data.python_param.module, data.python_param.layer) == ("voc_layers", layer)
        assert ast.literal_eval(data.python_param.param_str) == getattr(DATA, phase).params


@pytest.mark.parametrize("net", FCNS)
def test_deploy_is_the_trained_net_without_data_dropout_and_loss(net: str):
    facts = data_for(net)
    deploy, full = build(net, "deploy", facts), train(net)
    read = deploy.layer[: len(facts.inputs)]
    assert {(*layer.top, layer.type, layer.input_param.shape[0].dim[1]) for layer in read} == {
        (name, "Input", channels) for name, channels in facts.inputs.items()
    }
    if facts is DATA:
        assert (read[0].name, list(read[0].input_param.shape[0].dim)) == ("input", [1, 3, 500, 500])
    assert list(deploy.layer[len(facts.inputs) :]) == [
        layer for layer in full.layer[1:] if layer.type not in ("Dropout", "SoftmaxWithLoss")
    ]
    assert deploy.layer[-1].name == "score"


def test_255_is_ignored_even_where_no_pixel_has_it():
    """PASCAL-Context has no void; the reference's nets for it ignore 255 all the same."""
    data = type(DATA)(**{**vars(DATA), "void": None})
    assert build("vgg16-32s", "train", data) == train("vgg16-32s")


# ---- refusals


@pytest.mark.parametrize(
    ("net", "phase", "facts", "message"),
    [
        ("vgg16-4s", "train", DATA, "no net 'vgg16-4s'; expected one of vgg16-32s, vgg16-16s"),
        ("vgg16-8s", "test", DATA, "no phase 'test'; expected one of train, val, deploy"),
        ("vgg16-32s", "train", LATE, "takes one input; the data set has color and hha"),
        ("vgg16-32s-early", "train", DATA, "takes several inputs; the data set has data"),
        ("vgg16-32s-late", "train", DATA, "takes several inputs; the data set has data"),
        ("vgg16-8s", "deploy", None, "the net 'vgg16-8s' needs a data set"),
        ("mini-vgg16", "deploy", None, "'mini-vgg16' needs a data set"),
        ("vgg16-fcn", "train", None, "'vgg16-fcn' takes weights over and is not trained"),
    ],
)
def test_refuses_unknown_nets_and_phases_and_data_that_do_not_fit(net: str, phase: str, facts, message: str):
    with pytest.raises(ValueError, match=message):
        build(net, phase, facts)
