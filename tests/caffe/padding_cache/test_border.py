"""The border of an image size is computed once; values are those of computing everything."""

import itertools
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from fcn_repro import caffe
from fcn_repro.caffe import kernels
from fcn_repro.caffe.kernels import malloc, winograd
from fcn_repro.caffe.layers.vision.convolution import Convolution
from fcn_repro.caffe.padding_cache import cached_segment, segment_steps
from tests.fixtures.fcn_nets import small_net
from tests.fixtures.small_net import write

AWKWARD = """
layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 2 dim: 2 dim: 11 dim: 14 } } }
layer { name: "a" type: "Convolution" bottom: "data" top: "a"
        convolution_param { num_output: 4 kernel_h: 3 kernel_w: 5 pad: 40 stride: 2 } }
layer { name: "ra" type: "ReLU" bottom: "a" top: "a" }
layer { name: "pa" type: "Pooling" bottom: "a" top: "pa" pooling_param { kernel_size: 3 stride: 2 } }
layer { name: "b" type: "Convolution" bottom: "pa" top: "b"
        convolution_param { num_output: 6 kernel_size: 3 dilation: 2 pad: 3 group: 2 bias_term: false } }
layer { name: "pb" type: "Pooling" bottom: "b" top: "pb" pooling_param { kernel_size: 3 stride: 3 pad: 1 } }
layer { name: "rb" type: "ReLU" bottom: "pb" top: "pb" }
layer { name: "c" type: "Convolution" bottom: "pb" top: "c" convolution_param { num_output: 3 kernel_size: 1 } }
layer { name: "d" type: "Convolution" bottom: "pb" top: "d" convolution_param { num_output: 3 kernel_size: 1 } }
"""
SMALL = """
force_backward: true
layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 14 dim: 9 } } }
layer { name: "conv1_1" type: "Convolution" bottom: "data" top: "conv1_1"
        convolution_param { num_output: 4 kernel_size: 3 pad: 30 } }
layer { name: "relu1_1" type: "ReLU" bottom: "conv1_1" top: "conv1_1" }
layer { name: "conv1_2" type: "Convolution" bottom: "conv1_1" top: "conv1_2"
        convolution_param { num_output: 6 kernel_size: 3 pad: 1 } }
layer { name: "relu1_2" type: "ReLU" bottom: "conv1_2" top: "conv1_2" }
layer { name: "pool1" type: "Pooling" bottom: "conv1_2" top: "pool1" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "conv2_1" type: "Convolution" bottom: "pool1" top: "conv2_1"
        convolution_param { num_output: 8 kernel_size: 3 pad: 1 } }
layer { name: "relu2_1" type: "ReLU" bottom: "conv2_1" top: "conv2_1" }
layer { name: "drop" type: "Dropout" bottom: "conv2_1" top: "conv2_1" }
layer { name: "conv2_2" type: "Convolution" bottom: "conv2_1" top: "conv2_2"
        convolution_param { num_output: 8 kernel_size: 3 pad: 1 } }
layer { name: "pool2" type: "Pooling" bottom: "conv2_2" top: "pool2" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "score_fr" type: "Convolution" bottom: "pool2" top: "score_fr"
        convolution_param { num_output: 3 kernel_size: 3 } }
layer { name: "upscore" type: "Deconvolution" bottom: "score_fr" top: "upscore"
        convolution_param { num_output: 3 kernel_size: 4 stride: 2 bias_term: false } }
layer { name: "score_pool1" type: "Convolution" bottom: "pool1" top: "score_pool1"
        convolution_param { num_output: 3 kernel_size: 1 } }
layer { name: "crop" type: "Crop" bottom: "score_pool1" bottom: "upscore" top: "crop" crop_param { offset: 1 } }
layer { name: "fuse" type: "Eltwise" bottom: "upscore" bottom: "crop" top: "fuse" }
layer { name: "score" type: "Crop" bottom: "fuse" bottom: "data" top: "score" crop_param { axis: 2 offset: 2 } }
"""
TILED = """
layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 60 dim: 60 } } }
layer { name: "a" type: "Convolution" bottom: "data" top: "a"
        convolution_param { num_output: 64 kernel_size: 3 pad: 60 } }
layer { name: "ra" type: "ReLU" bottom: "a" top: "a" }
layer { name: "b" type: "Convolution" bottom: "a" top: "b" convolution_param { num_output: 64 kernel_size: 3 pad: 1 } }
layer { name: "rb" type: "ReLU" bottom: "b" top: "b" }
layer { name: "c" type: "Convolution" bottom: "b" top: "c"
        convolution_param { num_output: 80 kernel_size: 3 pad: 1 stride: 2 } }
layer { name: "rc" type: "ReLU" bottom: "c" top: "c" }
layer { name: "d" type: "Convolution" bottom: "c" top: "d" convolution_param { num_output: 8 kernel_size: 3 pad: 1 } }
"""  # the map "a" is large enough for Winograd's filtering, which spreads NaN over its tiles
NETS = {
    "small": SMALL,
    "vgg16-8s": small_net("vgg16-8s", 70, 45, "deploy"),
    "alexnet-32s": small_net("alexnet-32s", 64, 81, "deploy"),
    "awkward windows": AWKWARD,
}
random = np.random.RandomState()


@pytest.fixture(autouse=True)
def seed():
    """Draw the same numbers in every order of tests."""
    random.seed(0)


def make_net(folder, text: str = SMALL) -> caffe.Net:
    net = caffe.Net(write(folder, text), caffe.TEST)
    for blobs in net.params.values():
        for blob in blobs:
            fan_in = max(1, blob.count // blob.shape[0])
            blob.data[...] = random.normal(0.1 / fan_in, np.sqrt(2 / fan_in), blob.data.shape)
    return net


def show(net: caffe.Net) -> np.ndarray:
    """A new image, run through the net."""
    image = random.normal(0, 50, net.blobs["data"].data.shape).astype(np.float32)
    net.blobs["data"].data[...] = image
    net.forward()
    return image


def run_in(net: caffe.Net) -> None:
    """Run images until the net keeps a border."""
    for _ in range(2):
        show(net)


def plain(net: caffe.Net, image: np.ndarray) -> dict[str, np.ndarray]:
    with kernels.disabled():
        net.blobs["data"].data[...] = image
        net.forward()
        return {name: blob.data.copy() for name, blob in net.blobs.items()}


def agree(found: np.ndarray, expected: np.ndarray, tolerance: float = 1e-5) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * max(1e-6, np.abs(expected).max()))


def scores_agree(net: caffe.Net, image: np.ndarray) -> None:
    score = net.blobs["score"].data.copy()
    agree(score, plain(net, image)["score"])


@pytest.fixture
def layers_run(monkeypatch):
    """How often a convolution was run separately, over a whole map."""
    run = []
    forward = Convolution.forward
    monkeypatch.setattr(Convolution, "forward", lambda self, *blobs: (run.append(self), forward(self, *blobs))[1])
    return run


@pytest.fixture
def net(tmp_path):
    """The small net, which keeps a border."""
    net = make_net(tmp_path)
    run_in(net)
    return net


@pytest.mark.parametrize("text", NETS.values(), ids=NETS)
def test_outputs_and_every_other_blob_are_those_of_computing_everything(tmp_path, text, layers_run):
    net = make_net(tmp_path, text)
    run_in(net)
    layers = len(layers_run)
    for read in net.outputs, net.outputs, net.outputs, net.blobs:
        layers_run.clear()
        image = show(net)
        assert 0 < layers - 2 * len(layers_run)
        found = {name: net.blobs[name].data.copy() for name in read}
        expected = plain(net, image)
        for name, values in found.items():
            agree(values, expected[name])


def test_a_view_that_is_held_shows_every_pass(net):
    held = net.blobs["conv2_1"].data
    for _ in range(2):
        image = show(net)
        agree(held.copy(), plain(net, image)["conv2_1"])


def test_every_layer_requests_memory_before_it_computes_and_windows_once_for_all_of_them(tmp_path, monkeypatch):
    heap = Mock(spec=["malloc_trim"])
    monkeypatch.setattr(malloc, "_libc", lambda: heap)
    monkeypatch.setattr(malloc, "MIN_NEEDED", 0)
    fits = itertools.cycle([False, True])  # before what is free is given back, and after
    monkeypatch.setattr(malloc, "_fits", lambda needed: next(fits))
    net, asked = make_net(tmp_path), []
    for _ in range(4):
        show(net)
        asked.append(heap.malloc_trim.call_count - sum(asked))
    making = sum(not layer.is_in_place and layer.type not in ("Input", "Split") for layer in net.layers)
    others = making - 7  # of which windows are computed
    assert asked == [making, making, others + 2, others + 1]  # once for the filters, before they are copied


def test_without_memory_for_copies_of_filters_every_layer_computes_the_whole(tmp_path, monkeypatch, layers_run):
    net = make_net(tmp_path)
    monkeypatch.setattr(malloc, "MIN_NEEDED", 0)
    monkeypatch.setattr(malloc.memory, "available_bytes", lambda: 0)
    run_in(net)
    layers_run.clear()
    image = show(net)
    assert len(layers_run) == sum(layer.type == "Convolution" for layer in net.layers)
    scores_agree(net, image)


def test_maps_have_the_layout_of_the_next_layer_that_needs_one(net, monkeypatch):
    (segment,) = net._segments.values()
    image = net.blobs["data"].tensor
    first, last = torch.contiguous_format, torch.channels_last
    names = ["conv1_1", "conv1_2", "pool1", "conv2_1", "conv2_2", "pool2", "score_fr"]  # few have 8 channels or more
    for filters, in_c_order in ((6, 4), ["conv1_1", "conv1_2"]), ((8, 8), names[:5]):
        monkeypatch.setattr(winograd, "is_faster", lambda size, pad, weight, *_, at=filters: weight.shape[:2] == at)
        layouts = segment._choose_layouts(segment._find_plan(image.shape), image)
        expected = {name: first if name in in_c_order else last for name in names}
        assert dict(zip(names, layouts, strict=True)) == expected


@pytest.mark.parametrize("precision", ["f32", "bf16"])
@pytest.mark.parametrize("text", NETS.values(), ids=NETS)
def test_tops_that_are_made_as_large_as_the_next_needs_them_are_the_same(tmp_path, monkeypatch, text, precision):
    monkeypatch.setenv("PRECISION", precision)
    monkeypatch.setattr(segment_steps, "MAX_ADDED", dict.fromkeys((False, True), np.inf))
    net = make_net(tmp_path, text)
    run_in(net)
    image = show(net)
    plans = [plan for found in net._segments.values() for plan in found._plans.values() if plan]
    margins = [window.margin for plan in plans for window in plan.parts]
    assert any(map(any, margins)) is (text in (SMALL, NETS["vgg16-8s"]))  # in others only windows that stride
    found = {name: net.blobs[name].data.copy() for name in [*net.outputs, *net.blobs]}
    for name, expected in plain(net, image).items():
        agree(found[name], expected, 2**-6 if precision == "bf16" else 1e-5)


@pytest.mark.parametrize(
    "precision, has_amx, margin, size, grows",
    [
        ("f32", True, (2, 2), (40, 40), True),  # 21 % more of 72 multiplications a number: 15
        ("f32", True, (2, 2), (4, 8), True),  # 144
        ("f32", True, (2, 2), (4, 7), False),  # 153
        ("f32", True, (3, 2), (400, 400), False),  # as wide as the filters
        ("f32", True, (2, 2), (400, 400), True),
        ("bf16", False, (2, 2), (400, 400), True),
        ("bf16", True, (2, 2), (400, 400), False),
        ("bf16", True, (2, 2), (400, 199), True),
        ("bf16", True, (2, 2), (2, 3), True),
        ("bf16", True, (2, 2), (2, 1), False),
    ],
)
def test_tops_grow_by_few_cells_and_with_amx_while_they_are_narrow(
    tmp_path, monkeypatch, precision, has_amx, margin, size, grows
):
    monkeypatch.setenv("PRECISION", precision)
    monkeypatch.setattr(segment_steps, "has_amx", lambda: has_amx)
    monkeypatch.setattr(segment_steps, "MAX_ADDED", {False: 144, True: 600})
    (found,) = make_net(tmp_path)._segments.values()
    steps = {step.layer.param.name: step for step in found._steps}
    assert steps["conv2_2"].is_faster_padded(margin, size) is grows
    assert not steps["pool1"].is_faster_padded(margin, size)


def test_sizes_may_alternate_and_only_some_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(cached_segment, "SIZES", 2)
    net = make_net(tmp_path)
    for _ in range(4):
        for size in ((14, 9), (8, 13), (9, 9)):
            net.blobs["data"].reshape(1, 3, *size)
            image = show(net)
            scores_agree(net, image)
    assert all(len(cached_segment._plans) <= 2 for cached_segment in net._segments.values())


CHANGES = {
    "by view": lambda net, other: net.params["conv1_1"][0].data.__imul__(1.5),
    "by bias": lambda net, other: net.params["conv2_2"][1].data.__iadd__(30),
    "by sharing": lambda net, other: net.share_with(other),
    # As a solver does, in place.
    "by an update of shared weights": lambda net, other: other.params["conv1_2"][0]._data._newest.mul_(0.5),
    "by loading": lambda net, other: (other.save("other.caffemodel"), net.copy_from("other.caffemodel")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_weights_are_noticed(tmp_path, monkeypatch, change):
    monkeypatch.chdir(tmp_path)
    net, other = make_net(tmp_path), make_net(tmp_path)
    if change == "by an update of shared weights":
        net.share_with(other)
    run_in(net)
    before = show(net)
    CHANGES[change](net, other)
    for image in (before, *(show(net) for _ in range(3))):
        net.blobs["data"].data[...] = image
        score = net.forward()["score"].copy()
        agree(score, plain(net, image)["score"])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, 1e6])
@pytest.mark.parametrize("wild", [0, 1, 2])
def test_an_extreme_image_leaves_nothing_in_the_border_of_others(tmp_path, layers_run, value, wild):
    net = make_net(tmp_path, TILED)
    for number in range(5):
        image = random.normal(0, 50, net.blobs["data"].data.shape).astype(np.float32)
        net.blobs["data"].data[...] = image
        if number == wild:
            net.blobs["data"].data[0, 0, 0, 0] = value
        layers_run.clear()
        net.forward()
    assert not layers_run
    score = net.blobs["d"].data.copy()
    agree(score, plain(net, image)["d"])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_spreads_as_far_as_when_everything_is_computed(net, value):
    net.blobs["data"].data[0, 0, 3, 3] = value
    found = net.forward()["score"].copy()
    expected = plain(net, net.blobs["data"].data.copy())["score"]
    assert np.isnan(expected).any()
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))


def test_held_weights_are_checked_in_every_pass(tmp_path):
    net = make_net(tmp_path)
    held = net.params["conv2_1"][0].data
    for factor in (1, 2, 0.5, 3):
        held *= factor
        image = show(net)
        scores_agree(net, image)


def test_a_late_read_gives_the_values_of_its_pass(net):
    image = show(net)
    net.blobs["data"].data[...] = 0
    for blobs in net.params.values():
        blobs[0].data[...] *= 2
    found = net.blobs["conv2_1"].data.copy()
    for blobs in net.params.values():
        blobs[0].data[...] /= 2
    agree(found, plain(net, image)["conv2_1"])


def test_a_partial_pass_reads_whole_maps(net):
    image = show(net)
    net.blobs["score"].data[...] = 0
    net.forward(start="conv1_2")
    scores_agree(net, image)


def test_a_pass_to_a_layer_within_stops_there(net):
    show(net)
    before = net.blobs["conv2_2"].data.copy()
    for _ in range(3):
        net.blobs["data"].data[...] = random.normal(0, 50, net.blobs["data"].data.shape)
        found = net.forward(end="conv2_1")["conv2_1"].copy()
        with kernels.disabled():
            agree(found, net.forward(end="conv2_1")["conv2_1"])
    np.testing.assert_array_equal(net.blobs["conv2_2"].data, before)


def test_callbacks_see_every_layer(net):
    seen = []
    net.after_forward(seen.append)
    show(net)
    assert seen == list(range(len(net.layers)))


def test_gradients_are_those_of_a_pass_that_computed_everything(net):
    image = show(net)
    seed = random.normal(size=net.blobs["score"].data.shape).astype(np.float32)
    found = net.backward(score=seed)["data"].copy()
    plain(net, image)
    agree(found, net.backward(score=seed)["data"])


def test_after_a_pass_that_was_cut_short_every_map_is_of_the_last_pass_that_reached_it(net, monkeypatch):
    earlier = show(net)
    with monkeypatch.context() as cut, pytest.raises(KeyboardInterrupt):
        split = net.layer_dict["pool1_pool1_0_split"]
        assert split.type == "Split"
        cut.setattr(split, "forward", Mock(side_effect=KeyboardInterrupt))
        show(net)
    later = net.blobs["data"].data.copy()
    found = {name: net.blobs[name].data.copy() for name in ("conv1_1", "conv2_1", "conv2_2")}
    for name, image in (("conv1_1", later), ("conv2_1", earlier), ("conv2_2", earlier)):
        agree(found[name], plain(net, image)[name])
