"""Loading, saving and sharing a net's weights. What is loaded here was written by protobuf and h5py themselves."""

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
    """Writes a .caffemodel from prototxt text; returns its path."""

    def write_model(text: str) -> str:
        path = tmp_path / "model.caffemodel"
        path.write_bytes(prototxt.parse(text, caffe_pb2.NetParameter, "model").SerializeToString())
        return str(path)

    return write_model


def ip_layer(
    shape: str = "dim: 2 dim: 3", values: int = 6, bias: str = "blobs { shape { dim: 2 } data: 7 data: 8 }"
) -> str:
    data = " ".join(f"data: {i + 1}" for i in range(values))
    return f'layer {{ name: "ip" type: "InnerProduct" blobs {{ shape {{ {shape} }} {data} }} {bias} }}'


# ---- .caffemodel


def test_layers_are_matched_by_name_and_the_others_left_alone(net, model, caplog):
    net.params["a/b"][0].data[...] = 9
    with caplog.at_level(logging.INFO, "caffe"):
        net.copy_from(model('layer { name: "fc8" blobs { data: 1 } } layer { name: "relu" } ' + ip_layer()))
    assert net.params["ip"][0].data.tolist() == IP
    assert net.params["ip"][1].data.tolist() == [7, 8]
    assert (net.params["a/b"][0].data == 9).all()
    assert caplog.messages == ["Ignoring source layer fc8"]


def test_legacy_blobs_fit_what_they_equal_after_padding(net, model):
    net.copy_from(
        model("""
        layers { name: "ip" type: INNER_PRODUCT
            blobs { num: 1 channels: 1 height: 2 width: 3 data: [1, 2, 3, 4, 5, 6] }
            blobs { num: 1 channels: 1 height: 1 width: 2 data: [7, 8] } }""")
    )
    assert net.params["ip"][0].data.tolist() == IP


def test_diffs_come_along_where_there_are_any(net, model):
    net.params["ip"][0].diff[...] = 3
    net.copy_from(model(ip_layer(bias="blobs { shape { dim: 2 } data: 7 data: 8 diff: 1 diff: 2 }")))
    assert net.params["ip"][1].diff.tolist() == [1, 2]
    assert (net.params["ip"][0].diff == 3).all()


def test_of_two_target_layers_of_one_name_the_first_is_loaded(tmp_path, model):
    net = small_net(tmp_path, NET.replace('"a/b"', '"ip"'))
    net.copy_from(model(ip_layer()))
    assert net.layers[1].blobs[0].data.tolist() == IP


def test_of_two_source_layers_of_one_name_the_last_stays(net, model):
    net.copy_from(model(ip_layer(values=6) + ip_layer().replace("data: 6", "data: 60")))
    assert net.params["ip"][0].data.tolist() == [[1, 2, 3], [4, 5, 60]]


def test_a_file_that_serves_no_layer_is_worth_a_warning(net, model, caplog):
    net.copy_from(model('layer { name: "fc8" blobs { data: 1 } }'))
    assert [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING] == [
        f"{model('layer { }')} holds no weights for any layer of net 'target'"
    ]


def test_shared_parameters_are_saved_in_every_layer_and_loaded_into_one_memory(tmp_path):
    net = small_net(tmp_path, SHARING)
    net.params["ip1"][0].data[...] = 5
    net.save(str(tmp_path / "m.caffemodel"))
    saved = caffe_pb2.NetParameter.FromString((tmp_path / "m.caffemodel").read_bytes())
    assert [len(layer.blobs) for layer in saved.layer] == [0, 1, 1]
    net.params["ip2"][0].data[...] = 0
    net.copy_from(str(tmp_path / "m.caffemodel"))
    assert (net.params["ip1"][0].data == 5).all() and (net.params["ip2"][0].data == 5).all()


def test_a_saved_net_is_the_built_one_without_its_state(tmp_path):
    net = small_net(tmp_path, """
        name: "n" force_backward: true state { stage: "s" }
        layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 2 } } include { stage: "s" } }
        layer { name: "never" type: "Silence" bottom: "data" include { stage: "other" } }
        layer { name: "a" type: "ReLU" bottom: "data" top: "a" }
        layer { name: "label" type: "Input" top: "label" input_param { shape { dim: 1 } } }
        layer { name: "loss" type: "SoftmaxWithLoss" bottom: "data" bottom: "label" }""")  # fmt: skip
    net.save(str(tmp_path / "m.caffemodel"))
    saved = caffe_pb2.NetParameter.FromString((tmp_path / "m.caffemodel").read_bytes())
    assert saved == prototxt.parse(
        """
        name: "n"
        layer { name: "data" type: "Input" top: "data" phase: TRAIN input_param { shape { dim: 1 dim: 2 } }
                include { stage: "s" } }
        layer { name: "data_data_0_split" type: "Split" bottom: "data" phase: TRAIN
                top: "data_data_0_split_0" top: "data_data_0_split_1" }
        layer { name: "a" type: "ReLU" bottom: "data_data_0_split_0" top: "a" phase: TRAIN }
        layer { name: "label" type: "Input" top: "label" phase: TRAIN input_param { shape { dim: 1 } } }
        layer { name: "loss" type: "SoftmaxWithLoss" bottom: "data_data_0_split_1" bottom: "label" phase: TRAIN
                loss_weight: 1 }""",
        caffe_pb2.NetParameter,
        "expected",
    )


def test_blobs_in_a_net_definition_take_the_place_of_fillers(tmp_path):
    preset = """name: "ip" type: "InnerProduct" blobs { shape { dim: 2 dim: 3 } data: [1, 2, 3, 4, 5, 6] }"""
    net = small_net(tmp_path, NET.replace('name: "ip" type: "InnerProduct"', preset))
    assert net.params["ip"][0].data.tolist() == IP
    assert net.params["ip"][1].data.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("shape", "values", "complaint"),
    [
        ("dim: 3 dim: 2", 6, r"layer 'ip' \(InnerProduct\) brings a blob 0 of shape \[3, 2\]; it must be \[2, 3\]"),
        ("dim: 2 dim: 3", 5, r"layer 'ip', blob 0: 5 values for the shape \[2, 3\]"),
    ],
)
def test_refuses_blobs_in_a_net_definition_that_do_not_fit(tmp_path, shape, values, complaint):
    preset = f'name: "ip" type: "InnerProduct" blobs {{ shape {{ {shape} }} data: {[1] * values} }}'
    with pytest.raises(CaffeError, match=complaint):
        small_net(tmp_path, NET.replace('name: "ip" type: "InnerProduct"', preset))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (ip_layer("dim: 3 dim: 2"), r"layer 'ip' \(InnerProduct\) has a blob 0 of shape \[2, 3\] and \[3, 2\] in .*"),
        (ip_layer("dim: 1 dim: 1 dim: 2 dim: 3"), r"shape \[2, 3\] and \[1, 1, 2, 3\] in .*model"),
        (ip_layer(bias=""), r"layer 'ip' \(InnerProduct\) has 2 blobs and 1 in .*model.caffemodel"),
        ('layer { name: "ip" }', "has 2 blobs and 0 in"),
        ('layer { name: "relu" blobs { data: 1 } }', r"layer 'relu' \(ReLU\) has 0 blobs and 1 in"),
        (ip_layer(values=5), r"model.caffemodel: layer 'ip', blob 0: 5 values for the shape \[2, 3\]; the"),
    ],
)
def test_refuses_a_layer_that_does_not_fit_and_leaves_the_net_as_it_was(net, model, text, complaint):
    good = 'layer { name: "a/b" blobs { shape { dim: 1 dim: 2 } data: 1 data: 1 } }'
    with pytest.raises(CaffeError, match=complaint):
        net.copy_from(model(good + text))
    assert not any(blob.data.any() for blobs in net.params.values() for blob in blobs)
    net.copy_from(model(good))
    assert (net.params["a/b"][0].data == 1).all()


@pytest.mark.parametrize("with_diff", [False, True])
def test_a_failing_write_leaves_the_earlier_file(net, tmp_path, monkeypatch, with_diff):
    path = tmp_path / "m.caffemodel"
    net.save(str(path))
    before = path.read_bytes()
    monkeypatch.setattr(caffe.Blob, "data", property(lambda blob: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        net.save(str(path), with_diff)
    with pytest.raises(ZeroDivisionError):
        net.save_hdf5(str(path), with_diff)
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.caffemodel", "net.prototxt"]


# ---- HDF5


@pytest.fixture
def hdf5(tmp_path):
    def write_hdf5(**data_sets) -> str:
        with h5py.File(tmp_path / "m.h5", "w") as file:
            for name, values in data_sets.items():
                file[name.replace("__", "/")] = values
        return str(tmp_path / "m.h5")

    return write_hdf5


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_hdf5_is_told_by_its_content_and_converted(net, hdf5, dtype):
    net.copy_from(hdf5(data__ip__0=np.array(IP, dtype), data__ip__1=[7.0, 8.0], data__unknown__0=[1]))
    assert net.params["ip"][0].data.tolist() == IP
    assert net.params["ip"][1].data.tolist() == [7, 8]


def test_hdf5_names_with_a_slash_come_back(net, tmp_path):
    net.params["a/b"][0].data[...] = 4
    net.save_hdf5(str(tmp_path / "m.h5"))
    net.params["a/b"][0].data[...] = 0
    net.load_hdf5(str(tmp_path / "m.h5"))
    assert (net.params["a/b"][0].data == 4).all()


def test_hdf5_holds_shared_parameters_once_but_diffs_of_all(tmp_path):
    net = small_net(tmp_path, SHARING)
    net.params["ip1"][0].data[...] = 5
    net.save_hdf5(str(tmp_path / "m.h5"), with_diff=True)
    with h5py.File(tmp_path / "m.h5") as file:
        assert {name: list(group) for name, group in file["data"].items()} == {"data": [], "ip1": ["0"], "ip2": []}
        assert {name: list(group) for name, group in file["diff"].items()} == {"data": [], "ip1": ["0"], "ip2": ["0"]}
        assert file["data/ip1/0"].dtype == np.float32
    net.params["ip1"][0].data[...] = 0
    net.load_hdf5(str(tmp_path / "m.h5"))
    assert (net.params["ip2"][0].data == 5).all()


def test_of_two_target_layers_of_one_name_hdf5_fills_the_last(tmp_path, hdf5):
    text = NET.replace("num_output: 1 bias_term: false", "num_output: 1").replace('"a/b"', '"ip"')
    net = small_net(tmp_path, text)
    net.copy_from(hdf5(data__ip__0=[[1.0, 2.0]], data__ip__1=[3.0]))
    assert net.layers[3].blobs[0].data.tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("data_sets", "complaint"),
    [
        (dict(other=[1]), "m.h5: /data is missing or is no group"),
        (dict(data=[1]), "m.h5: /data is missing or is no group"),
        (dict(data__ip__0=IP), r"layer 'ip' \(InnerProduct\) has a blob 1, which .*m.h5 lacks"),
        (dict(data__ip__0=IP, data__ip__1=[1, 2], data__ip__2=[1]), r"layer 'ip' .* has 2 blobs and more in .*m.h5"),
        (dict(data__ip__0=[IP], data__ip__1=[1, 2]), r"blob 0 of shape \[2, 3\] and \[1, 2, 3\] in .*m.h5"),
        (dict(data__ip__0=IP, data__ip__1=["a", "b"]), "m.h5: /data/ip/1 is missing or is no data set of numbers"),
        (dict(data__ip__0=IP, data__ip__1__x=[1]), "m.h5: /data/ip/1 is missing or is no data set of numbers"),
    ],
)
def test_refuses_hdf5_that_does_not_fit_and_leaves_the_net_as_it_was(net, hdf5, data_sets, complaint):
    with pytest.raises(CaffeError, match=complaint):
        net.copy_from(hdf5(**data_sets))
    assert not any(blob.data.any() for blobs in net.params.values() for blob in blobs)


def test_refuses_truncated_hdf5_by_name(net, tmp_path):
    net.save_hdf5(str(tmp_path / "m.h5"))
    content = (tmp_path / "m.h5").read_bytes()
    for end in range(8, len(content), 301):
        (tmp_path / "m.h5").write_bytes(content[:end])
        with pytest.raises(CaffeError, match="m.h5 is no set of Caffe weights in HDF5, or a damaged one"):
            net.copy_from(str(tmp_path / "m.h5"))


# ---- sharing between nets


def test_shared_nets_follow_the_other_ones_later_changes_but_keep_their_diffs(tmp_path, net):
    other = small_net(tmp_path, NET)
    other.params["ip"][0].diff[...] = 1
    net.share_with(other)
    other.params["ip"][0].data[...] = IP
    assert net.params["ip"][0].data.tolist() == IP
    assert not net.params["ip"][0].diff.any()


def test_refuses_to_share_with_a_net_that_does_not_fit_and_leaves_the_net_as_it_was(tmp_path, net):
    other = caffe.Net(write(tmp_path, NET.replace("num_output: 1", "num_output: 3"), "other.prototxt"), caffe.TEST)
    other.params["ip"][0].data[...] = IP
    with pytest.raises(CaffeError, match=r"layer 'a/b' .* shapes \[\[1, 2\]\] here and \[\[3, 2\]\] in the net"):
        net.share_with(other)
    assert not net.params["ip"][0].data.any()


def test_sharing_ignores_layers_that_only_one_net_has(tmp_path, net):
    other = caffe.Net(write(tmp_path, NET.replace('"ip" type', '"fc" type'), "other.prototxt"), caffe.TEST)
    other.params["fc"][0].data[...] = IP
    other.params["a/b"][0].data[...] = 2
    net.share_with(other)
    assert (net.params["a/b"][0].data == 2).all() and not net.params["ip"][0].data.any()
