"""Loading, saving and sharing weights. protobuf and h5py themselves write the loaded files."""

import logging

import h5py
import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2, prototxt
from tests.fixtures.small_net import small_net, write

NET = """
name: "target"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 2 } }
layer { name: "relu" type: "ReLU" bottom: "ip" top: "ip" }
layer { name: "a/b" type: "InnerProduct" bottom: "ip" top: "out"
        inner_product_param { num_output: 1 bias_term: false } }
"""
SHARING = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 2 } } }
layer { name: "ip1" type: "InnerProduct" bottom: "data" top: "ip1" param { name: "w" }
        inner_product_param { num_output: 2 bias_term: false } }
layer { name: "ip2" type: "InnerProduct" bottom: "ip1" top: "ip2" param { name: "w" }
        inner_product_param { num_output: 2 bias_term: false } }
"""
IP = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


@pytest.fixture
def net(tmp_path):
    return small_net(tmp_path, NET)


@pytest.fixture
def model(tmp_path):
    """Write a .caffemodel from prototxt text; return its path."""

    def write_model(text: str) -> str:
        path = tmp_path / "model.caffemodel"
        path.write_bytes(prototxt.parse(text, caffe_pb2.NetParameter, "model").SerializeToString())
        return str(path)

    return write_model


@pytest.fixture
def hdf5(tmp_path):
    def write_hdf5(**data_sets) -> str:
        with h5py.File(tmp_path / "m.h5", "w") as file:
            for name, values in data_sets.items():
                file[name.replace("__", "/")] = values
        return str(tmp_path / "m.h5")

    return write_hdf5


def ip_layer(
    shape: str = "dim: 2 dim: 3", values: int = 6, bias: str = "blobs { shape { dim: 2 } data: 7 data: 8 }"
) -> str:
    data = " ".join(f"data: {i + 1}" for i in range(values))
    return f'layer {{ name: "ip" type: "InnerProduct" blobs {{ shape {{ {shape} }} {data} }} {bias} }}'


# ---- both formats

SAVERS = [("save", "copy_from"), ("save_hdf5", "copy_from"), ("save_hdf5", "load_hdf5")]


@pytest.mark.parametrize(("save", "load"), SAVERS)
@pytest.mark.parametrize("text", [NET, SHARING], ids=["slash in a name", "shared"])
def test_saved_weights_load_into_another_net(tmp_path, text, save, load):
    net, other = small_net(tmp_path, text), small_net(tmp_path, text)
    for value, blobs in enumerate(net.params.values(), start=1):
        blobs[0].data[...] = value
    getattr(net, save)(str(tmp_path / "weights"))
    getattr(other, load)(str(tmp_path / "weights"))
    for name, blobs in net.params.items():
        assert blobs[0].data.any()
        np.testing.assert_array_equal(other.params[name][0].data, blobs[0].data)


def test_missing_or_other_files_are_runtime_errors(net, tmp_path):
    for load in net.load_hdf5, net.copy_from:
        with pytest.raises(RuntimeError, match="Could not open file missing"):
            load("missing")
    net.save(str(tmp_path / "m.caffemodel"))
    with pytest.raises(RuntimeError, match="not an HDF5 file"):
        net.load_hdf5(str(tmp_path / "m.caffemodel"))


@pytest.mark.parametrize("with_diff", [False, True])
def test_a_failed_write_leaves_the_earlier_file(net, tmp_path, monkeypatch, with_diff):
    path = tmp_path / "m.caffemodel"
    net.save(str(path))
    before = path.read_bytes()
    monkeypatch.setattr(caffe.Blob, "data", property(lambda blob: 1 / 0))
    for save in net.save, net.save_hdf5:
        with pytest.raises(ZeroDivisionError):
            save(str(path), with_diff)
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.caffemodel", "net.prototxt"]


# ---- .caffemodel


def test_layers_match_by_name_and_others_keep_their_weights(net, model, caplog):
    net.params["a/b"][0].data[...] = 9
    with caplog.at_level(logging.INFO, "caffe"):
        net.copy_from(model('layer { name: "fc8" blobs { data: 1 } } layer { name: "relu" } ' + ip_layer()))
    assert net.params["ip"][0].data.tolist() == IP
    assert net.params["ip"][1].data.tolist() == [7, 8]
    assert (net.params["a/b"][0].data == 9).all()
    assert caplog.messages == ["Ignoring source layer fc8"]


def test_legacy_blobs_fit_after_padding(net, model):
    net.copy_from(
        model("""
        layers { name: "ip" type: INNER_PRODUCT
            blobs { num: 1 channels: 1 height: 2 width: 3 data: [1, 2, 3, 4, 5, 6] }
            blobs { num: 1 channels: 1 height: 1 width: 2 data: [7, 8] } }""")
    )
    assert net.params["ip"][0].data.tolist() == IP


def test_a_files_diffs_are_loaded(net, model):
    net.params["ip"][0].diff[...] = 3
    net.copy_from(model(ip_layer(bias="blobs { shape { dim: 2 } data: 7 data: 8 diff: 1 diff: 2 }")))
    assert net.params["ip"][1].diff.tolist() == [1, 2]
    assert (net.params["ip"][0].diff == 3).all()


def test_of_two_layers_with_one_name_the_nets_first_takes_the_files_last(tmp_path, model):
    net = small_net(tmp_path, NET.replace('"a/b"', '"ip"'))
    net.copy_from(model(ip_layer(values=6) + ip_layer().replace("data: 6", "data: 60")))
    assert net.layers[1].blobs[0].data.tolist() == [[1, 2, 3], [4, 5, 60]]


def test_warns_of_a_file_without_weights_for_any_layer(net, model, caplog):
    net.copy_from(model('layer { name: "fc8" blobs { data: 1 } }'))
    assert [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING] == [
        f"{model('layer { }')} has no weights for any layer of net 'target'"
    ]


def test_shared_parameters_are_in_every_layer_of_a_caffemodel(tmp_path):
    small_net(tmp_path, SHARING).save(str(tmp_path / "m.caffemodel"))
    saved = caffe_pb2.NetParameter.FromString((tmp_path / "m.caffemodel").read_bytes())
    assert [len(layer.blobs) for layer in saved.layer] == [0, 1, 1]


def test_a_caffemodel_has_the_built_net_without_its_state(tmp_path):
    net = small_net(tmp_path, """
        name: "n" force_backward: true state { stage: "s" }
        layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 2 } } include { stage: "s" } }
        layer { name: "never" type: "Silence" bottom: "data" include { stage: "other" } }
        layer { name: "a" type: "ReLU" bottom: "data" top: "a" }
        layer { name: "label" type: "Input" top: "label" input_param { shape { dim: 1 } } }
        layer { name: "loss" type: "SoftmaxWithLoss" bottom: "data" bottom: "label" }""")  # fmt: skip
    net.save(str(tmp_path / "m.caffemodel"))
    saved = caffe_pb2.NetParameter.FromString((tmp_path / "m.caffemodel").read_bytes())
    assert saved == prototxt.parse("""
        name: "n"
        layer { name: "data" type: "Input" top: "data" phase: TRAIN input_param { shape { dim: 1 dim: 2 } }
                include { stage: "s" } }
        layer { name: "data_data_0_split" type: "Split" bottom: "data" phase: TRAIN
                top: "data_data_0_split_0" top: "data_data_0_split_1" }
        layer { name: "a" type: "ReLU" bottom: "data_data_0_split_0" top: "a" phase: TRAIN }
        layer { name: "label" type: "Input" top: "label" phase: TRAIN input_param { shape { dim: 1 } } }
        layer { name: "loss" type: "SoftmaxWithLoss" bottom: "data_data_0_split_1" bottom: "label" phase: TRAIN
                loss_weight: 1 }""", caffe_pb2.NetParameter, "expected")  # fmt: skip


def preset(blob: str) -> str:
    return NET.replace('name: "ip" type: "InnerProduct"', f'name: "ip" type: "InnerProduct" blobs {{ {blob} }}')


def test_blobs_in_a_net_definition_replace_fillers(tmp_path):
    net = small_net(tmp_path, preset("shape { dim: 2 dim: 3 } data: [1, 2, 3, 4, 5, 6]"))
    assert net.params["ip"][0].data.tolist() == IP
    assert net.params["ip"][1].data.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("shape", "values", "complaint"),
    [
        ("dim: 3 dim: 2", 6, r"layer 'ip' \(InnerProduct\) .*blob 0 of shape \[3, 2\].*\[2, 3\]"),
        ("dim: 2 dim: 3", 5, r"layer 'ip', blob 0: .*5 values .*\[2, 3\]"),
    ],
)
def test_refuses_blobs_in_a_net_definition_that_do_not_fit(tmp_path, shape, values, complaint):
    with pytest.raises(CaffeError, match=complaint):
        small_net(tmp_path, preset(f"shape {{ {shape} }} data: {[1] * values}"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (ip_layer("dim: 3 dim: 2"), r"layer 'ip' \(InnerProduct\) has blob 0 of shape \[2, 3\], and \[3, 2\] in .*"),
        (ip_layer("dim: 1 dim: 1 dim: 2 dim: 3"), r"shape \[2, 3\], and \[1, 1, 2, 3\] in .*model"),
        (ip_layer(bias=""), r"layer 'ip' \(InnerProduct\) has 2 blobs, and 1 in .*model.caffemodel"),
        ('layer { name: "ip" }', "has 2 blobs, and 0 in"),
        ('layer { name: "relu" blobs { data: 1 } }', r"layer 'relu' \(ReLU\) has 0 blobs, and 1 in"),
        (ip_layer(values=5), r"model.caffemodel: layer 'ip', blob 0: .*5 values .*\[2, 3\]"),
    ],
)
def test_refuses_a_layer_that_does_not_fit_and_changes_nothing(net, model, text, complaint):
    good = 'layer { name: "a/b" blobs { shape { dim: 1 dim: 2 } data: 1 data: 1 } }'
    with pytest.raises(CaffeError, match=complaint):
        net.copy_from(model(good + text))
    assert not any(blob.data.any() for blobs in net.params.values() for blob in blobs)
    net.copy_from(model(good))
    assert (net.params["a/b"][0].data == 1).all()


# ---- HDF5


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_hdf5_is_recognised_by_content_and_converted(net, hdf5, dtype):
    net.copy_from(hdf5(data__ip__0=np.array(IP, dtype), data__ip__1=[7.0, 8.0], data__unknown__0=[1]))
    assert net.params["ip"][0].data.tolist() == IP
    assert net.params["ip"][1].data.tolist() == [7, 8]


def test_hdf5_has_shared_parameters_once_but_diffs_of_all(tmp_path):
    small_net(tmp_path, SHARING).save_hdf5(str(tmp_path / "m.h5"), with_diff=True)
    with h5py.File(tmp_path / "m.h5") as file:
        assert {name: list(group) for name, group in file["data"].items()} == {"data": [], "ip1": ["0"], "ip2": []}
        assert {name: list(group) for name, group in file["diff"].items()} == {"data": [], "ip1": ["0"], "ip2": ["0"]}
        assert file["data/ip1/0"].dtype == np.float32


def test_of_two_layers_with_one_name_hdf5_fills_the_nets_last(tmp_path, hdf5):
    text = NET.replace("num_output: 1 bias_term: false", "num_output: 1").replace('"a/b"', '"ip"')
    net = small_net(tmp_path, text)
    net.copy_from(hdf5(data__ip__0=[[1.0, 2.0]], data__ip__1=[3.0]))
    assert net.layers[3].blobs[0].data.tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("data_sets", "complaint"),
    [
        (dict(other=[1]), "m.h5: /data is missing or not a group"),
        (dict(data=[1]), "m.h5: /data is missing or not a group"),
        (dict(data__ip__0=IP), r"layer 'ip' \(InnerProduct\) has blob 1, which .*m.h5 lacks"),
        (dict(data__ip__0=IP, data__ip__1=[1, 2], data__ip__2=[1]), r"layer 'ip' .* has 2 blobs, and more in .*m.h5"),
        (dict(data__ip__0=[IP], data__ip__1=[1, 2]), r"blob 0 of shape \[2, 3\], and \[1, 2, 3\] in .*m.h5"),
        (dict(data__ip__0=IP, data__ip__1=["a", "b"]), "m.h5: /data/ip/1 is missing or not a numeric data set"),
        (dict(data__ip__0=IP, data__ip__1__x=[1]), "m.h5: /data/ip/1 is missing or not a numeric data set"),
    ],
)
def test_refuses_hdf5_that_does_not_fit_and_changes_nothing(net, hdf5, data_sets, complaint):
    with pytest.raises(CaffeError, match=complaint):
        net.copy_from(hdf5(**data_sets))
    assert not any(blob.data.any() for blobs in net.params.values() for blob in blobs)


def test_refuses_truncated_hdf5_by_name(net, tmp_path):
    net.save_hdf5(str(tmp_path / "m.h5"))
    content = (tmp_path / "m.h5").read_bytes()
    for end in range(8, len(content), 301):
        (tmp_path / "m.h5").write_bytes(content[:end])
        with pytest.raises(CaffeError, match="m.h5.* set of Caffe weights"):
            net.copy_from(str(tmp_path / "m.h5"))


# ---- sharing between nets


def test_sharing_nets_have_one_memory_for_data_and_two_for_diffs(tmp_path, net):
    other = small_net(tmp_path, NET)
    other.params["ip"][0].diff[...] = 1
    net.share_with(other)
    other.params["ip"][0].data[...] = IP
    assert net.params["ip"][0].data.tolist() == IP
    assert not net.params["ip"][0].diff.any()


def test_sharing_ignores_layers_that_only_one_net_has_and_refuses_other_shapes(tmp_path, net):
    other = caffe.Net(write(tmp_path, NET.replace("num_output: 1", "num_output: 3"), "other.prototxt"), caffe.TEST)
    other.params["ip"][0].data[...] = IP
    with pytest.raises(CaffeError, match=r"layer 'a/b' .* shapes \[\[1, 2\]\], and \[\[3, 2\]\] in the net"):
        net.share_with(other)
    assert not net.params["ip"][0].data.any()
    other = caffe.Net(write(tmp_path, NET.replace('"ip" type', '"fc" type'), "other.prototxt"), caffe.TEST)
    other.params["fc"][0].data[...] = IP
    other.params["a/b"][0].data[...] = 2
    net.share_with(other)
    assert (net.params["a/b"][0].data == 2).all() and not net.params["ip"][0].data.any()
