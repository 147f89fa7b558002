import gc
import weakref

import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe import layers as L
from fcn_repro.caffe import params as P
from tests.fixtures.small_net import DEPLOY, TRAINABLE, small_net, write

RNG = np.random.RandomState(1)


@pytest.fixture
def net(tmp_path):
    return small_net(tmp_path)


@pytest.fixture
def deploy(tmp_path):
    return small_net(tmp_path, DEPLOY, caffe.TEST)


# ---- what a net consists of


def test_layers_are_found_by_name_and_by_place(net):
    assert list(net.layer_dict) == list(net._layer_names) == ["data", "conv", "ip", "loss"]
    assert [layer.type for layer in net.layers] == ["DummyData", "Convolution", "InnerProduct", "SoftmaxWithLoss"]
    assert net.layer_dict["ip"] is net.layers[2]


def test_the_blobs_of_a_layer_are_the_params_of_the_net(net):
    net.layers[1].blobs[0].data[...] = 3
    assert (net.params["conv"][0].data == 3).all()


def test_dictionaries_are_in_order_of_creation(net):
    assert list(net.blobs) == list(net._blob_names) == ["data", "label", "conv", "ip_blob", "loss"]
    assert list(net.params) == ["conv", "ip"]


def test_only_loss_layers_weigh_their_tops(net):
    assert list(net.blob_loss_weights.items()) == [
        ("data", 0), ("label", 0), ("conv", 0), ("ip_blob", 0), ("loss", 1)
    ]  # fmt: skip
    assert list(net._blob_loss_weights) == [0, 0, 0, 0, 1]


def test_inputs_come_from_input_layers_and_outputs_are_what_nobody_reads(net, deploy):
    assert (net.inputs, net.outputs) == ([], ["loss"])
    assert (deploy.inputs, deploy.outputs) == (["data"], ["score"])
    assert (list(deploy._inputs), list(deploy._outputs)) == ([0], [1])


def test_outputs_are_in_the_order_of_their_bytes(tmp_path):
    tops = "".join(f'top: "{name}" ' for name in ("b", "a", "B"))
    net = small_net(
        tmp_path, f'layer {{ name: "i" type: "Input" {tops} input_param {{ shape {{ dim: 1 }} }} }}', caffe.TEST
    )
    assert net.outputs == ["B", "a", "b"]
    assert net.inputs == ["b", "a", "B"]


def test_every_layer_lists_its_bottoms_and_tops(net):
    assert list(net.bottom_names.items()) == [
        ("data", []), ("conv", ["data"]), ("ip", ["conv"]), ("loss", ["ip_blob", "label"])
    ]  # fmt: skip
    assert list(net.top_names.items()) == [
        ("data", ["data", "label"]), ("conv", ["conv"]), ("ip", ["ip_blob"]), ("loss", ["loss"])
    ]  # fmt: skip
    assert list(net._top_ids(0)) == [0, 1]
    assert list(net._bottom_ids(3)) == [3, 1]


def test_anonymous_tops_do_not_shift_the_names(tmp_path):
    loss = 'layer {{ name: "{0}" type: "EuclideanLoss" bottom: "x" bottom: "y" }}'
    net = small_net(
        tmp_path,
        'layer { name: "i" type: "Input" top: "x" top: "y" input_param { shape { dim: 2 dim: 1 } } }'
        + loss.format("l1") + loss.format("l2") + 'layer { name: "p" type: "Power" bottom: "x" top: "z" }',
        caffe.TEST,
    )  # fmt: skip
    assert net.outputs == ["z"]
    assert net.top_names["l2"] == ["(automatic)"]
    assert net.bottom_names["p"] == ["x_i_0_split_2"]


def test_attributes_may_be_added(net):
    net.transformer = 3
    assert net.transformer == 3


# ---- construction


def test_phase_level_and_stages_are_positional_or_named(tmp_path):
    path = write(tmp_path, TRAINABLE)
    weights = str(tmp_path / "w.caffemodel")
    caffe.Net(path, caffe.TRAIN).save(weights)
    for net in (
        caffe.Net(path, caffe.TEST, 0, ["a"], weights),
        caffe.Net(path, caffe.TEST, weights=weights, stages=("a",), level=0),
        caffe.Net(network_file=path, phase=caffe.TEST, weights=weights),
        caffe.Net(path, weights, caffe.TEST),
    ):
        assert {layer.phase for layer in net.layers} == {caffe.TEST}
        expected = caffe.Net(path, caffe.TEST, weights=weights)
        np.testing.assert_array_equal(net.params["ip"][0].data, expected.params["ip"][0].data)


def test_the_old_form_says_that_it_is_old(tmp_path, caplog):
    weights = str(tmp_path / "w.caffemodel")
    small_net(tmp_path).save(weights)
    caffe.Net(str(tmp_path / "net.prototxt"), weights, caffe.TEST)
    assert "deprecated" in caplog.text


@pytest.mark.parametrize("arguments", [(), ("net",), ("net", 0, 0, None, None, 1)])
def test_refuses_other_arguments(arguments):
    with pytest.raises(TypeError):
        caffe.Net(*arguments)


@pytest.mark.parametrize("options", [{}, {"weights": "missing.caffemodel"}])
def test_a_missing_file_is_a_runtime_error(tmp_path, options):
    network = write(tmp_path, DEPLOY) if options else "missing.prototxt"
    with pytest.raises(RuntimeError, match="Could not open file missing"):
        caffe.Net(network, caffe.TEST, **options)


LEVELS = """
layer { name: "data" type: "DummyData" top: "data" dummy_data_param { shape { dim: 1 } } }
layer { name: "none" type: "Power" bottom: "data" top: "a" }
layer { name: "zero" type: "Power" bottom: "data" top: "b" include { min_level: 0 } }
layer { name: "one" type: "Power" bottom: "data" top: "c" include { min_level: 1 } }
layer { name: "up to one" type: "Power" bottom: "data" top: "d" include { max_level: 1 } }
"""


@pytest.mark.parametrize(
    ("level", "kept"),
    [
        (0, ["none", "zero", "up to one"]),
        (1, ["none", "zero", "one", "up to one"]),
        (2, ["none", "zero", "one"]),
    ],
)
def test_a_level_keeps_the_layers_whose_bounds_it_meets(tmp_path, level, kept):
    net = caffe.Net(write(tmp_path, LEVELS), caffe.TEST, level=level)
    assert [name for name in net.layer_dict if "data" not in name] == kept


STAGES = """
layer { name: "data" type: "DummyData" top: "data" dummy_data_param { shape { dim: 1 } } }
layer { name: "A" type: "Power" bottom: "data" top: "a" include { stage: "A" } }
layer { name: "B" type: "Power" bottom: "data" top: "b" include { stage: "B" } }
layer { name: "A or B" type: "Power" bottom: "data" top: "c" include { stage: "A" } include { stage: "B" } }
layer { name: "A and B" type: "Power" bottom: "data" top: "d" include { stage: "A" stage: "B" } }
layer { name: "not A" type: "Power" bottom: "data" top: "e" include { not_stage: "A" } }
"""


@pytest.mark.parametrize(
    ("stages", "kept"),
    [
        ([], ["not A"]),
        (["A"], ["A", "A or B"]),
        (["B"], ["B", "A or B", "not A"]),
        (["A", "B"], ["A", "B", "A or B", "A and B"]),
    ],
)
def test_stages_keep_the_layers_that_ask_for_them(tmp_path, stages, kept):
    net = caffe.Net(write(tmp_path, STAGES), caffe.TEST, stages=stages)
    assert [name for name in net.layer_dict if "data" not in name] == kept


ALL_IN_ONE = """
layer { name: "train_data" type: "DummyData" top: "data" top: "label"
  dummy_data_param { shape { dim: 1 dim: 1 dim: 10 dim: 10 } shape { dim: 1 dim: 1 dim: 1 dim: 1 } }
  include { phase: TRAIN stage: "train" } }
layer { name: "val_data" type: "DummyData" top: "data" top: "label"
  dummy_data_param { shape { dim: 1 dim: 1 dim: 10 dim: 10 } shape { dim: 1 dim: 1 dim: 1 dim: 1 } }
  include { phase: TEST stage: "val" } }
layer { name: "deploy_data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 1 dim: 10 dim: 10 } }
  include { phase: TEST stage: "deploy" } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 2 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss"
  include { phase: TRAIN stage: "train" } include { phase: TEST stage: "val" } }
layer { name: "pred" type: "Softmax" bottom: "ip" top: "pred" include { phase: TEST stage: "deploy" } }
"""


@pytest.mark.parametrize(
    ("stage", "phase", "outputs"),
    [("train", caffe.TRAIN, ["loss"]), ("val", caffe.TEST, ["loss"]), ("deploy", caffe.TEST, ["pred"])],
)
def test_one_prototxt_can_hold_three_nets(tmp_path, stage, phase, outputs):
    net = caffe.Net(write(tmp_path, ALL_IN_ONE), phase, stages=[stage])
    assert net.outputs == outputs
    assert list(net.blobs["data"].shape) == [1, 1, 10, 10]
    net.forward()


# ---- forward and backward


def test_forward_and_backward_run(net):
    assert set(net.forward()) == {"loss"}
    assert net.backward() == {}


def test_forward_from_a_layer_to_a_layer_computes_these_alone(net):
    conv = net.blobs["conv"]
    conv.data[...] = RNG.standard_normal(conv.data.shape)
    out = net.forward(start="ip", end="ip")
    weights, bias = (blob.data for blob in net.params["ip"])
    assert set(out) == {"ip_blob"}
    np.testing.assert_allclose(out["ip_blob"], conv.data.reshape(5, -1) @ weights.T + bias, rtol=1e-3)


def test_backward_from_a_layer_to_a_layer_computes_these_alone(net):
    net.forward()
    diff = net.blobs["ip_blob"].diff
    diff[...] = RNG.standard_normal(diff.shape)
    out = net.backward(start="ip", end="ip")
    assert set(out) == {"conv"}
    expected = diff @ net.params["ip"][0].data
    np.testing.assert_allclose(out["conv"].reshape(5, -1), expected, rtol=1e-3, atol=1e-5)


def test_forward_returns_what_is_asked_for_besides(net):
    assert set(net.forward(["conv"])) == {"loss", "conv"}
    assert set(net.forward(["data"], "conv", "conv")) == {"data", "conv"}
    assert set(net.backward(["ip_blob"])) == {"ip_blob"}


@pytest.mark.parametrize("run", ["forward", "backward"])
@pytest.mark.parametrize("place", ["start", "end"])
def test_refuses_an_unknown_layer(net, run, place):
    with pytest.raises(ValueError, match="'conv2' is not in list"):
        getattr(net, run)(**{place: "conv2"})


def test_inputs_are_filled_by_broadcasting(deploy):
    deploy.forward(data=np.full((4, 1, 1, 2), 3))
    assert (deploy.blobs["data"].data == 3).all()


def test_refuses_inputs_of_other_names(deploy):
    with pytest.raises(Exception, match="Input blob arguments do not match net inputs"):
        deploy.forward(image=np.zeros((4, 3, 2, 2)))
    with pytest.raises(Exception, match="Top diff arguments do not match net outputs"):
        deploy.backward(prob=np.zeros((4, 5)))


def test_refuses_inputs_of_another_batch_size(deploy):
    with pytest.raises(Exception, match="Input is not batch sized"):
        deploy.forward(data=np.zeros((3, 3, 2, 2)))
    with pytest.raises(Exception, match="Diff is not batch sized"):
        deploy.backward(score=np.zeros((3, 5)))


def test_refuses_an_input_that_does_not_broadcast(deploy):
    with pytest.raises(ValueError, match="broadcast"):
        deploy.forward(data=np.zeros((4, 3, 2, 3)))


def test_backward_takes_the_diffs_of_the_outputs(tmp_path):
    net = small_net(tmp_path, "force_backward: true" + DEPLOY, caffe.TEST)
    net.forward()
    diff = net.backward(score=np.ones((4, 5)))["data"]
    np.testing.assert_allclose(diff[0].ravel(), net.params["score"][0].data.sum(0), rtol=1e-5)


def test_the_reported_loss_is_data_times_diff(net):
    last = len(net.layers) - 1
    net.blobs["loss"].diff[...] = 1
    loss = net._forward(1, last)
    assert loss == pytest.approx(float(net.blobs["loss"].data), rel=1e-6)
    net.blobs["loss"].diff[...] = 2
    assert net._forward(1, last) == pytest.approx(2 * loss, rel=1e-6)


def test_parameter_diffs_add_up_until_they_are_cleared(net):
    net.forward()
    net.backward()
    once = net.params["ip"][0].diff.copy()
    assert once.any()
    net.backward()
    np.testing.assert_allclose(net.params["ip"][0].diff, 2 * once, rtol=1e-5, atol=1e-6)
    net.clear_param_diffs()
    assert not any(blob.diff.any() for blobs in net.params.values() for blob in blobs)


def test_callbacks_hear_of_every_layer_in_order(net):
    heard = []
    net.before_forward(lambda layer: heard.append(("before", layer)))
    net.after_forward(lambda layer: heard.append(("after", layer)))
    net.before_backward(lambda layer: heard.append(("before back", layer)))
    net.after_backward(lambda layer: heard.append(("after back", layer)))
    net.forward(end="conv")
    assert heard == [("before", 0), ("after", 0), ("before", 1), ("after", 1)]
    heard.clear()
    net.backward(start="ip")
    assert heard == [(when, layer) for layer in (2, 1, 0) for when in ("before back", "after back")]


def test_sizes_follow_the_input_without_computing(deploy):
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


def test_batches_go_forward_and_backward(tmp_path):
    net = small_net(tmp_path, "force_backward: true" + DEPLOY, caffe.TEST)
    data, seeds = RNG.standard_normal((6, 3, 2, 2)), RNG.standard_normal((6, 5))
    outs, diffs = net.forward_backward_all(diffs=["score"], data=data, score=seeds)
    assert outs["score"].shape == (6, 5)
    expected = seeds @ net.params["score"][0].data
    np.testing.assert_allclose(diffs["data"].reshape(6, -1), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(diffs["score"], np.float32(seeds))


def test_batches_need_arrays(deploy):
    with pytest.raises(caffe.CaffeError, match=r"forward_all needs arrays .*\['data'\]"):
        deploy.forward_all()
    with pytest.raises(caffe.CaffeError, match="forward_backward_all needs arrays"):
        deploy.forward_backward_all(score=np.zeros((4, 5)))


# ---- arrays as data

MEMORY = """
layer { name: "data" type: "MemoryData" top: "data" top: "label"
  memory_data_param { batch_size: 2 channels: 1 height: 1 width: 3 } }
"""


def test_memory_data_reads_the_arrays_it_is_given(tmp_path):
    net = small_net(tmp_path, MEMORY, caffe.TEST)
    data = np.arange(12, dtype=np.float32).reshape(4, 1, 1, 3)
    net.set_input_arrays(data, np.float32([0, 1, 2, 3]))
    assert list(net.blobs["label"].shape) == [2]
    seen = [net.forward()["label"].ravel().tolist() for _ in range(3)]
    assert seen == [[0, 1], [2, 3], [0, 1]]
    assert net.blobs["data"].data.ravel().tolist() == [0, 1, 2, 3, 4, 5]
    assert list(net.blobs["label"].shape) == [2, 1, 1, 1]


@pytest.mark.parametrize(
    ("data", "labels"),
    [
        (np.zeros((4, 1, 1, 3)), np.zeros(4, np.float32)),  # float64
        (np.zeros((4, 1, 1, 6), np.float32)[..., ::2], np.zeros(4, np.float32)),  # not contiguous
        (np.zeros((4, 3), np.float32), np.zeros(4, np.float32)),  # not four axes
        (np.zeros((4, 1, 3, 1), np.float32), np.zeros(4, np.float32)),  # another shape
        (np.zeros((4, 1, 1, 3), np.float32), np.zeros(2, np.float32)),  # another length
        (np.zeros((3, 1, 1, 3), np.float32), np.zeros(3, np.float32)),  # no multiple of the batch
    ],
)
def test_memory_data_refuses_other_arrays(tmp_path, data, labels):
    with pytest.raises(RuntimeError):
        small_net(tmp_path, MEMORY, caffe.TEST).set_input_arrays(data, labels)


def test_only_memory_data_takes_arrays(deploy):
    with pytest.raises(RuntimeError, match="only be called if the first layer is MemoryData"):
        deploy.set_input_arrays(np.zeros((4, 3, 2, 2), np.float32), np.zeros(4, np.float32))


# ---- weights


@pytest.mark.parametrize("load", ["copy_from", "weights", "old form"])
def test_saved_weights_come_back(net, tmp_path, load):
    path, prototxt = str(tmp_path / "small.caffemodel"), str(tmp_path / "net.prototxt")
    net.save(path)
    if load == "copy_from":
        other = caffe.Net(prototxt, caffe.TEST)
        other.copy_from(path)
    else:
        other = caffe.Net(prototxt, caffe.TEST, weights=path) if load == "weights" else caffe.Net(prototxt, path, 1)
    for name, blobs in net.params.items():
        for mine, theirs in zip(blobs, other.params[name], strict=True):
            np.testing.assert_array_equal(mine.data, theirs.data)


@pytest.mark.parametrize("load", ["load_hdf5", "copy_from"])
def test_weights_saved_as_hdf5_come_back(net, tmp_path, load):
    path = str(tmp_path / "small.h5")
    net.save_hdf5(path)
    other = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    getattr(other, load)(path)
    np.testing.assert_array_equal(net.params["ip"][0].data, other.params["ip"][0].data)
    np.testing.assert_array_equal(net.params["conv"][1].data, other.params["conv"][1].data)


@pytest.mark.parametrize("load", ["load_hdf5", "copy_from"])
def test_missing_weights_are_a_runtime_error(net, load):
    with pytest.raises(RuntimeError, match="Could not open file missing"):
        getattr(net, load)("missing")


def test_load_hdf5_refuses_another_format(net, tmp_path):
    path = str(tmp_path / "small.caffemodel")
    net.save(path)
    with pytest.raises(RuntimeError, match="no HDF5 file"):
        net.load_hdf5(path)


def test_shared_weights_are_one_memory_and_diffs_are_two(net, tmp_path):
    other = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    other.share_with(net)
    net.params["conv"][0].data[...] = 4
    net.params["conv"][0].diff[...] = 5
    assert (other.params["conv"][0].data == 4).all()
    assert not (other.params["conv"][0].diff == 5).any()


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
    """Assign a LeNet's tops to `n`; returns the last."""
    n.data, n.label = L.DummyData(
        dummy_data_param=dict(
            shape=[dict(dim=[2, 1, 28, 28]), dict(dim=[2, 1, 1, 1])],
            data_filler=[dict(type="gaussian"), dict(type="constant")],
        ),
        transform_param=dict(scale=1 / 255),
        ntop=2,
    )
    n.conv1 = L.Convolution(n.data, kernel_size=5, num_output=20, weight_filler=dict(type="xavier"))
    n.pool1 = L.Pooling(n.conv1, kernel_size=2, stride=2, pool=P.Pooling.MAX)
    n.conv2 = L.Convolution(n.pool1, kernel_size=5, num_output=50, weight_filler=dict(type="xavier"))
    n.pool2 = L.Pooling(n.conv2, kernel_size=2, stride=2, pool=P.Pooling.MAX)
    n.ip1 = L.InnerProduct(n.pool2, num_output=500, weight_filler=dict(type="xavier"))
    n.relu1 = L.ReLU(n.ip1, in_place=True)
    n.ip2 = L.InnerProduct(n.relu1, num_output=10, weight_filler=dict(type="xavier"))
    n.loss = L.SoftmaxWithLoss(n.ip2, n.label)
    return n.loss


@pytest.mark.parametrize("named", [True, False])
def test_a_generated_net_loads_and_trains(tmp_path, named):
    spec = caffe.NetSpec()
    loss = lenet(spec)
    proto = spec.to_proto() if named else caffe.to_proto(loss)
    net = small_net(tmp_path, str(proto))
    assert len(net.layers) == 9
    assert ("conv2" in net.params) == named
    (loss_blob,) = net.forward().values()
    assert np.isfinite(loss_blob)
    net.backward()


def test_a_net_without_tops_returns_nothing(tmp_path):
    n = caffe.NetSpec()
    n.data = L.DummyData(dummy_data_param=dict(shape=dict(dim=[3, 2])))
    n.silence = L.Silence(n.data, ntop=0)
    net = small_net(tmp_path, str(n.to_proto()))
    assert list(net.layer_dict) == ["data", "silence"]
    assert net.forward() == {}
