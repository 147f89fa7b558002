import gc
import weakref
from pathlib import Path

import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe import layers as L
from fcn_repro.caffe import params as P
from tests.fixtures.small_net import DEPLOY, TRAINABLE, layer, small_net, write

RNG = np.random.RandomState(1)


@pytest.fixture
def net(tmp_path):
    return small_net(tmp_path)


@pytest.fixture
def deploy(tmp_path):
    return small_net(tmp_path, DEPLOY, caffe.TEST)


# ---- structure


def test_layers_blobs_and_params_are_in_order_by_name_and_number(net):
    assert list(net.layer_dict) == list(net._layer_names) == ["data", "conv", "ip", "loss"]
    assert [layer.type for layer in net.layers] == ["DummyData", "Convolution", "InnerProduct", "SoftmaxWithLoss"]
    assert net.layer_dict["ip"] is net.layers[2]
    assert list(net.blobs) == list(net._blob_names) == ["data", "label", "conv", "ip_blob", "loss"]
    assert list(net.params) == ["conv", "ip"] and net.params["conv"][0] is net.layers[1].blobs[0]
    net.transformer = 3  # scripts add attributes
    assert net.transformer == 3


def test_inputs_outputs_bottoms_tops_and_loss_weights_are_by_name_and_number(net, deploy):
    assert list(net.blob_loss_weights.items()) == [(name, int(name == "loss")) for name in net.blobs]
    assert list(net._blob_loss_weights) == [0, 0, 0, 0, 1]
    assert (net.inputs, net.outputs, deploy.inputs, deploy.outputs) == ([], ["loss"], ["data"], ["score"])
    assert (list(deploy._inputs), list(deploy._outputs)) == ([0], [1])
    bottoms, tops = [[], ["data"], ["conv"], ["ip_blob", "label"]], [["data", "label"], ["conv"], ["ip_blob"], ["loss"]]
    assert list(net.bottom_names.items()) == list(zip(net._layer_names, bottoms, strict=True))
    assert list(net.top_names.items()) == list(zip(net._layer_names, tops, strict=True))
    assert (list(net._top_ids(0)), list(net._bottom_ids(3))) == ([0, 1], [3, 1])


def test_outputs_are_in_the_order_of_their_bytes(tmp_path):
    net = small_net(tmp_path, layer("Input", "", "b a B", "input_param { shape { dim: 1 } }"), caffe.TEST)
    assert net.outputs == ["B", "a", "b"]
    assert net.inputs == ["b", "a", "B"]


def test_anonymous_tops_do_not_shift_the_names(tmp_path):
    losses = "".join(layer("EuclideanLoss", "x y", name=name) for name in ("l1", "l2"))
    text = layer("Input", "", "x y", "input_param { shape { dim: 2 dim: 1 } }", "i") + losses
    net = small_net(tmp_path, text + layer("Power", "x", "z", name="p"), caffe.TEST)
    assert net.outputs == ["z"]
    assert net.top_names["l2"] == ["(automatic)"]
    assert net.bottom_names["p"] == ["x_i_0_split_2"]


# ---- construction


def test_phase_level_stages_and_weights_are_positional_or_named(tmp_path, caplog):
    path = write(tmp_path, TRAINABLE)
    weights = str(tmp_path / "w.caffemodel")
    saved = caffe.Net(path, caffe.TRAIN)
    saved.save(weights)
    for make in (
        lambda: caffe.Net(path, caffe.TEST, 0, ["a"], weights),
        lambda: caffe.Net(path, caffe.TEST, weights=weights, stages=("a",), level=0),
        lambda: caffe.Net(network_file=path, phase=caffe.TEST, weights=weights),
        lambda: caffe.Net(path, weights, caffe.TEST),
    ):
        assert "deprecated" not in caplog.text
        net = make()
        assert {layer.phase for layer in net.layers} == {caffe.TEST}
        for name, blobs in saved.params.items():
            for expected, found in zip(blobs, net.params[name], strict=True):
                np.testing.assert_array_equal(found.data, expected.data)
    assert "deprecated" in caplog.text  # of the old form


def test_refuses_other_arguments_and_missing_files(tmp_path):
    for arguments in (), ("net",), ("net", 0, 0, None, None, 1):
        with pytest.raises(TypeError):
            caffe.Net(*arguments)
    missing = ("missing.prototxt", {}), (write(tmp_path, DEPLOY), {"weights": "missing.caffemodel"})
    for network, options in missing:
        with pytest.raises(RuntimeError, match="Could not open file missing"):
            caffe.Net(network, caffe.TEST, **options)


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (("w.caffemodel",), {}),
        ((Path("w.caffemodel"),), {}),
        (("w.caffemodel", None), {}),
        (("w.caffemodel",), {"stages": ["a"]}),
        (("w.caffemodel", caffe.TEST, ["a"]), {}),
        (("w.caffemodel", caffe.TEST), {"weights": "w.caffemodel"}),
        (("test",), {}),
    ],
)
def test_weights_without_a_phase_are_refused_rather_than_trained(tmp_path, arguments, options):
    with pytest.raises(TypeError, match=r"expected caffe.TRAIN or caffe.TEST"):
        caffe.Net(write(tmp_path, DEPLOY), *arguments, **options)


ALL_IN_ONE = """
layer { name: "data" type: "DummyData" top: "data" top: "label" dummy_data_param { shape { dim: 1 } shape { dim: 1 } }
  exclude { stage: "deploy" } }
layer { name: "deploy_data" type: "Input" top: "data" input_param { shape { dim: 1 } } include { stage: "deploy" } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 2 axis: 0 } }
layer { name: "loss" type: "Silence" bottom: "ip" bottom: "label"
  include { phase: TRAIN stage: "train" } include { phase: TEST stage: "val" } }
layer { name: "pred" type: "Softmax" bottom: "ip" top: "pred" softmax_param { axis: 0 }
  include { phase: TEST stage: "deploy" } }
layer { name: "deep" type: "Power" bottom: "ip" top: "deep" include { min_level: 1 } }
"""


@pytest.mark.parametrize(
    ("stages", "phase", "level", "outputs"),
    [
        (["train"], caffe.TRAIN, 0, []),
        (["val"], caffe.TEST, 1, ["deep"]),
        (["deploy"], caffe.TEST, 0, ["pred"]),
        (["other", "deploy"], caffe.TEST, 2, ["deep", "pred"]),
    ],
)
def test_one_prototxt_can_hold_several_nets(tmp_path, stages, phase, level, outputs):
    net = caffe.Net(write(tmp_path, ALL_IN_ONE), phase, level, stages)
    assert net.outputs == outputs
    net.forward()


# ---- forward and backward


def test_passes_of_some_layers_compute_only_these(net):
    weights, bias = (blob.data for blob in net.params["ip"])
    conv = net.blobs["conv"].data
    conv[...] = RNG.standard_normal(conv.shape)
    out = net.forward(start="ip", end="ip")
    assert set(out) == {"ip_blob"}
    np.testing.assert_allclose(out["ip_blob"], conv.reshape(5, -1) @ weights.T + bias, rtol=1e-3)
    diff = net.blobs["ip_blob"].diff
    diff[...] = RNG.standard_normal(diff.shape)
    out = net.backward(start="ip", end="ip")
    assert set(out) == {"conv"}
    np.testing.assert_allclose(out["conv"].reshape(5, -1), diff @ weights, rtol=1e-3, atol=1e-5)


def test_passes_return_the_requested_blobs(net):
    assert set(net.forward()) == {"loss"}
    assert set(net.forward(["conv"])) == {"loss", "conv"}
    assert set(net.forward(["data"], "conv", "conv")) == {"data", "conv"}
    assert net.backward() == {}
    assert set(net.backward(["ip_blob"])) == {"ip_blob"}


@pytest.mark.parametrize("run", ["forward", "backward"])
@pytest.mark.parametrize("place", ["start", "end"])
def test_refuses_an_unknown_layer(net, run, place):
    with pytest.raises(ValueError, match="'conv2' is not in list"):
        getattr(net, run)(**{place: "conv2"})


@pytest.mark.parametrize(
    ("run", "arrays", "complaint"),
    [
        ("forward", dict(image=np.zeros((4, 3, 2, 2))), "Input blob arguments do not match net inputs"),
        ("backward", dict(prob=np.zeros((4, 5))), "Top diff arguments do not match net outputs"),
        ("forward", dict(data=np.zeros((3, 3, 2, 2))), "Input is not batch sized"),
        ("backward", dict(score=np.zeros((3, 5))), "Diff is not batch sized"),
        ("forward", dict(data=np.zeros((4, 3, 2, 3))), "broadcast"),
        ("forward_all", {}, r"forward_all: got no arrays.*\['data'\]"),
        ("forward_backward_all", dict(score=np.zeros((4, 5))), "forward_backward_all: got no arrays"),
    ],
)
def test_refuses_arrays_that_do_not_fit(deploy, run, arrays, complaint):
    with pytest.raises(Exception, match=complaint):
        getattr(deploy, run)(**arrays)


def test_callbacks_run_for_every_layer_in_order(net):
    calls = []
    net.before_forward(lambda layer: calls.append(("before", layer)))
    net.after_forward(lambda layer: calls.append(("after", layer)))
    net.before_backward(lambda layer: calls.append(("before back", layer)))
    net.after_backward(lambda layer: calls.append(("after back", layer)))
    net.forward(end="conv")
    assert calls == [("before", 0), ("after", 0), ("before", 1), ("after", 1)]
    calls.clear()
    net.backward(start="ip")
    assert calls == [(when, layer) for layer in (2, 1, 0) for when in ("before back", "after back")]


def test_inputs_broadcast_and_reshape_propagates_sizes_without_computing(deploy):
    deploy.forward(data=np.full((4, 1, 1, 2), 3))
    assert (deploy.blobs["data"].data == 3).all()
    deploy.blobs["data"].reshape(7, 3, 2, 2)
    assert list(deploy.blobs["score"].shape) == [4, 5]
    deploy.reshape()
    assert list(deploy.blobs["score"].shape) == [7, 5]


# ---- batches


def test_batches_cover_inputs_of_any_length(deploy):
    data = RNG.standard_normal((9, 3, 2, 2))
    out = deploy.forward_all(blobs=["data"], data=data)
    weights, bias = (blob.data for blob in deploy.params["score"])
    np.testing.assert_allclose(out["score"], data.reshape(9, -1) @ weights.T + bias, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(out["data"], np.float32(data))


def test_batches_run_forward_and_backward(tmp_path):
    net = small_net(tmp_path, "force_backward: true" + DEPLOY, caffe.TEST)
    data, seeds = RNG.standard_normal((6, 3, 2, 2)), RNG.standard_normal((6, 5))
    outs, diffs = net.forward_backward_all(diffs=["score"], data=data, score=seeds)
    assert outs["score"].shape == (6, 5)
    expected = seeds @ net.params["score"][0].data
    np.testing.assert_allclose(diffs["data"].reshape(6, -1), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(diffs["score"], np.float32(seeds))


MEMORY = """
layer { name: "data" type: "MemoryData" top: "data" top: "label"
  memory_data_param { batch_size: 2 channels: 1 height: 1 width: 3 } }
"""


def test_memory_data_reads_its_arrays_in_batches(tmp_path):
    net = small_net(tmp_path, MEMORY, caffe.TEST)
    data = np.arange(12, dtype=np.float32).reshape(4, 1, 1, 3)
    net.set_input_arrays(data, np.float32([0, 1, 2, 3]))
    assert list(net.blobs["label"].shape) == [2]
    seen = [net.forward()["label"].ravel().tolist() for _ in range(3)]
    assert seen == [[0, 1], [2, 3], [0, 1]]
    assert net.blobs["data"].data.ravel().tolist() == [0, 1, 2, 3, 4, 5]
    assert list(net.blobs["label"].shape) == [2, 1, 1, 1]


def test_only_memory_data_takes_arrays_which_are_contiguous(tmp_path, deploy):  # its own tests have other refusals
    data, labels = np.zeros((4, 1, 1, 6), np.float32), np.zeros(4, np.float32)
    with pytest.raises(RuntimeError):
        small_net(tmp_path, MEMORY, caffe.TEST).set_input_arrays(data[..., ::2], labels)
    with pytest.raises(RuntimeError, match="only be called if the first layer is MemoryData"):
        deploy.set_input_arrays(np.zeros((4, 3, 2, 2), np.float32), labels)


def test_a_net_is_freed_with_its_last_reference(tmp_path):
    net = small_net(tmp_path)
    net.forward()
    _ = net.blobs, net.params, net.top_names
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None


# ---- generated nets


def lenet(n):
    """Assign a LeNet's tops to `n`; return the last."""
    shapes, fillers = [dict(dim=[2, 1, 28, 28]), dict(dim=[2, 1, 1, 1])], [dict(type="gaussian"), dict(type="constant")]
    made = dict(shape=shapes, data_filler=fillers)
    n.data, n.label = L.DummyData(dummy_data_param=made, transform_param=dict(scale=1 / 255), ntop=2)
    n.conv1 = L.Convolution(n.data, kernel_size=5, num_output=20, weight_filler=dict(type="xavier"))
    n.pool1 = L.Pooling(n.conv1, kernel_size=2, stride=2, pool=P.Pooling.MAX)
    n.ip1 = L.InnerProduct(n.pool1, num_output=50, weight_filler=dict(type="xavier"))
    n.relu1 = L.ReLU(n.ip1, in_place=True)
    n.ip2 = L.InnerProduct(n.relu1, num_output=10, weight_filler=dict(type="xavier"))
    n.loss = L.SoftmaxWithLoss(n.ip2, n.label)
    return n.loss


@pytest.mark.parametrize("named", [True, False])
def test_a_generated_net_loads_and_trains(tmp_path, named):
    spec = caffe.NetSpec()
    loss = lenet(spec)
    net = small_net(tmp_path, str(spec.to_proto() if named else caffe.to_proto(loss)))
    assert len(net.layers) == 7
    assert ("conv1" in net.params) == named
    (loss_blob,) = net.forward().values()
    assert np.isfinite(loss_blob)
    net.backward()
