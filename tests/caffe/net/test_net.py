import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe.errors import CaffeError
from tests.fixtures.small_net import layer, small_net, write

DATA = layer("Input", "", "data label", "input_param { shape { dim: 2 dim: 3 dim: 4 dim: 4 } }", "in")


CONV = "convolution_param {{ num_output: 4 kernel_size: {} {} }}"
FORCED = "force_backward: true " + DATA + layer("Silence", "label", "")
# A fault of the layer named x, and the message after its name.
REFUSED = {
    "unknown type": (layer("Convolutoin", "data", "y"), "has the unknown type 'Convolutoin'; known types: AbsVal, .*"),
    "unknown bottom": (layer("ReLU", "dta", "y"), ".ReLU. reads the bottom 'dta', which no earlier layer makes"),
    "duplicate top": (layer("ReLU", "data", "label"), ".ReLU. makes the top 'label', which an earlier layer makes"),
    "top made twice by one layer": (layer("Split", "data", "y y"), ".Split. makes the top 'y', which"),
    "in place at another index": (layer("Eltwise", "data label", "label"), ".Eltwise. makes the top 'label', which"),
    "in place after another reader": (
        layer("Silence", "data", "") + layer("ReLU", "data", "data"),
        ".ReLU. makes the top 'data', .* it must be the first reader of that bottom",
    ),
    "rules of both kinds": (
        layer("Silence", "data", "", "include { phase: TRAIN } exclude { stage: 'a' }"),
        "has include and exclude rules",
    ),
    "too few bottoms": (layer("Eltwise", "data", "y"), ".Eltwise. has 1 bottoms; expected at least 2"),
    "too many bottoms": (layer("ReLU", "data label", "y"), ".ReLU. has 2 bottoms; expected exactly 1"),
    "too many tops": (layer("Pooling", "data", "a b c"), ".Pooling. has 3 tops; expected 1 to 2"),
    "no top": (layer("ReLU", "data", ""), ".ReLU. has 0 tops; expected exactly 1"),
    "unequal counts": (
        layer("Convolution", "data label", "y", CONV.format(1, "")),
        ".Convolution. has 2 bottoms and 1 tops; expected equal numbers",
    ),
    "unequal shapes": (
        layer("Pooling", "data", "p", "pooling_param { kernel_size: 2 }", "p") + layer("Eltwise", "data p", "y"),
        r".Eltwise. has bottoms of shapes \[2, 3, 4, 4\] and \[2, 3, 3, 3\]; they must be equal",
    ),
    "kernel too large": (
        layer("Convolution", "data", "y", CONV.format(6, "")),
        r".Convolution. would make a top of size \[-1, -1\] from a bottom of shape \[2, 3, 4, 4\]",
    ),
    "group": (layer("Convolution", "data", "y", CONV.format(1, "group: 2")), ".Convolution. .*group 2; .* 3 .* 4"),
    "negative crop": (
        layer("Crop", "data label", "y", "crop_param { axis: 2 offset: 1 }"),
        r".Crop. cannot crop 4 pixels at offset 1 from 4: \[2, 3, 4, 4\] to \[2, 3, 4, 4\]",
    ),
    "offsets": (
        layer("Crop", "data label", "y", "crop_param { axis: 1 offset: 0 offset: 0 }"),
        ".Crop. has 2 offsets for 3 cropped axes; expected 1 or 3",
    ),
    "axis": (layer("Softmax", "data", "y", "softmax_param { axis: 4 }"), ".Softmax. .*axis 4 .*4 axes"),
    "labels": (
        layer("SoftmaxWithLoss", "data label", "y"),
        r".SoftmaxWithLoss. .*\[2, 3, 4, 4\] .*got 96 labels; .*32",
    ),
    "input shapes": (
        layer("Input", "", "a b c", "input_param { shape { dim: 1 } shape { dim: 1 } }"),
        ".Input. has 2 shapes for 3 tops; expected 0, 1 or 3",
    ),
}


@pytest.mark.parametrize(("text", "complaint"), REFUSED.values(), ids=REFUSED)
def test_refuses_to_build_and_names_file_layer_found_and_expected(tmp_path, text, complaint):
    with pytest.raises(CaffeError, match=f"net.prototxt: layer 'x' {complaint}"):
        small_net(tmp_path, DATA + text)
    net = small_net(tmp_path, DATA + layer("Eltwise", "data label", "sum"))  # the engine still works
    net.blobs["data"].data[...] = 1
    assert (net.forward()["sum"] == 1).all()


@pytest.mark.parametrize("solver", ['net: "{}"', 'train_net: "{}"'])
def test_refuses_within_a_solver_and_names_the_net_file(tmp_path, solver):
    net = write(tmp_path, DATA + layer("ReLU", "dta", "y"), "train.prototxt")
    path = write(tmp_path, f'{solver.format(net)} lr_policy: "fixed"', "solver.prototxt")
    with pytest.raises(CaffeError, match="train.prototxt: layer 'x' .* reads the bottom 'dta'"):
        caffe.SGDSolver(path)


@pytest.mark.parametrize(
    ("text", "feed", "complaint"),
    [
        (
            layer("Silence", "label", "")
            + layer("Slice", "data", "one rest", "slice_param { slice_point: 1 }", "slice")
            + layer("SoftmaxWithLoss", "rest one", "loss", "loss_param { ignore_label: 9 }"),
            lambda net: net.blobs["data"].data[:, 0].fill(2),
            r"layer 'x' .* got the label 2 in bottom 'one'; expected 0 to 1 \(or 9, which is ignored\)",
        ),
        (
            layer("Convolution", "data", "y", CONV.format(3, "")),
            lambda net: net.blobs["data"].reshape(2, 5, 4, 4),
            r"layer 'x' \(Convolution\) was set up for 3 channels and got 5",
        ),
        (
            layer("Eltwise", "data label", "y"),
            lambda net: net.blobs["data"].reshape(1, 3, 4, 4),
            r"layer 'x' \(Eltwise\) has bottoms of shapes \[1, 3, 4, 4\] and \[2, 3, 4, 4\]",
        ),
        (
            layer("Crop", "data label", "y"),
            lambda net: net.blobs["data"].reshape(2, 3, 3, 4),
            r"layer 'x' \(Crop\) cannot crop 4 pixels at offset 0 from 3",
        ),
    ],
    ids=["label out of range", "channels", "shapes", "crop"],
)  # fmt: skip
def test_after_a_refused_run_valid_data_runs(tmp_path, text, feed, complaint):
    net = small_net(tmp_path, DATA + text)
    net.forward()
    feed(net)
    with pytest.raises(CaffeError, match=complaint):
        net.forward()
    net.blobs["data"].reshape(2, 3, 4, 4)
    net.blobs["data"].data[...] = 0
    net.forward()


# ---- building


def test_two_layers_may_have_one_name(tmp_path):
    net = small_net(tmp_path, DATA + layer("ReLU", "data", "a") + layer("Power", "label", "b"))
    assert [layer.type for layer in net.layers] == ["Input", "ReLU", "Power"]
    assert net.layer_dict["x"].type == "Power"


def test_a_layers_phase_overrides_the_nets(tmp_path):
    text = DATA + layer("Dropout", "data", "a") + layer("Dropout", "label", "b", "phase: TEST")
    net = small_net(tmp_path, text)
    for name in ("data", "label"):
        net.blobs[name].data[...] = 1
    net.forward()
    assert 0 in net.blobs["a"].data
    assert (net.blobs["b"].data == 1).all()


def test_blobs_with_readers_and_anonymous_losses_are_not_outputs(tmp_path):
    net = small_net(tmp_path, DATA + layer("EuclideanLoss", "data label", ""))
    assert net.outputs == []
    assert list(net.blobs) == ["data", "label", "(automatic)"]
    text = layer("ReLU", "data", "Zebra") + layer("Silence", "label", "") + layer("ReLU", "Zebra", "a")
    assert small_net(tmp_path, DATA + text).outputs == ["a"]


def test_a_net_without_layers_has_no_blobs_and_refuses_to_run(tmp_path):
    net = small_net(tmp_path, 'name: "empty"')
    for run in (net.forward, net.backward):
        with pytest.raises(CaffeError, match="net 'empty' has no layers"):
            run()
    assert (net.inputs, net.outputs, list(net.blobs), list(net.params)) == ([], [], [], [])


# ---- running


@pytest.mark.parametrize(("start", "end"), [(-1, 0), (0, 2), (2, 2)])
def test_a_pass_over_layers_that_do_not_exist_is_refused(tmp_path, start, end):
    net = small_net(tmp_path, DATA + layer("ReLU", "data", "data"))
    with pytest.raises(CaffeError, match="expected indices from 0 to 1"):
        net._forward(start, end)
    with pytest.raises(CaffeError, match="expected indices from 0 to 1"):
        net._backward(end, start)


def test_sizes_follow_the_input_up_and_down_again(tmp_path):
    text = layer("Silence", "label", "") + layer("Convolution", "data", "y", CONV.format(3, "pad: 1"))
    net = small_net(tmp_path, DATA + text)
    net.params["x"][0].data[...] = 1
    for size in (4, 9, 5, 1, 9):
        net.blobs["data"].reshape(1, 3, size, size)
        net.blobs["data"].data[...] = 1
        found = net.forward()["y"]
        extent = np.minimum(np.arange(size), 1) + 1 + np.minimum(np.arange(size)[::-1], 1)
        np.testing.assert_array_equal(found, np.broadcast_to(3 * np.outer(extent, extent), (1, 4, size, size)))


def test_bottom_diffs_are_overwritten_and_parameter_diffs_accumulate(tmp_path):
    net = small_net(tmp_path, FORCED + layer("Convolution", "data", "y", CONV.format(1, "bias_filler { value: 1 }")))
    net.params["x"][0].data[...] = 2
    net.blobs["data"].data[...] = 1
    net.forward()
    net.blobs["y"].diff[...] = 1
    for passes in (1, 2, 3):
        net.backward()
        assert (net.blobs["data"].diff == 4 * 2).all()
        assert (net.params["x"][1].diff == 2 * 4 * 4 * passes).all()


def test_split_tops_share_data_and_their_diffs_add_up(tmp_path):
    net = small_net(tmp_path, FORCED + "".join(layer("ReLU", "data", name, name=name) for name in "abc"))
    net.blobs["data"].data[...] = 1
    net.forward()
    net.blobs["data"].data[...] = 5
    assert all((net.blobs[f"data_in_0_split_{i}"].data == 5).all() for i in range(3))
    for scale, name in enumerate("abc", start=1):
        net.blobs[name].diff[...] = scale
    net.backward()
    assert (net.blobs["data"].diff == 1 + 2 + 3).all()


def test_forward_returns_the_loss_of_the_layers_that_ran(tmp_path):
    text = DATA + layer("EuclideanLoss", "data label", "one", "loss_weight: 2", "one")
    net = small_net(tmp_path, text + layer("EuclideanLoss", "label data", "two", name="two"))
    net.blobs["data"].data[...] = 1
    net.forward()
    one, two = (net._layer_names.index(name) for name in ("one", "two"))
    half = 2 * 3 * 4 * 4 / (2 * 2)
    assert net._forward(0, two) == 3 * half
    assert net._forward(one, one) == 2 * half
    assert net._forward(two, two) == half


@pytest.mark.parametrize("phase", [caffe.TEST, caffe.TRAIN])
def test_a_feature_map_without_views_is_freed_before_it_is_recomputed(tmp_path, phase):
    net = small_net(tmp_path, DATA + layer("Convolution", "data", "y", CONV.format(1, "")), phase)
    conv, memory, freed = net.layer_dict["x"], net.blobs["y"].memory, []
    compute = conv.compute
    conv.compute = lambda *bottom: (freed.append(memory.is_blank), compute(*bottom))[1]
    net._forward(0, 1)
    net._forward(0, 1)
    view = net.blobs["y"].data
    net._forward(0, 1)
    assert freed == [True, True, False]
    assert view is not None
