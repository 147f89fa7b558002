"""A net cut into a fixed trunk and a head computes, and trains to, what the whole net does."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from google.protobuf import text_format

from fcn_repro import datasets
from fcn_repro.datasets.data_layer import open_data_layer
from fcn_repro.datasets.stored_features import feature_file
from fcn_repro.datasets.voc import VOC, make_voc_layer
from fcn_repro.engine import caffe
from fcn_repro.model import surgery
from fcn_repro.model.class_map import argmax_classes
from fcn_repro.model.fixed_trunk import cut_head, cut_trunk, find_read_taps
from fcn_repro.model.loss_heads import read_heads
from fcn_repro.model.store_features import store_features
from fcn_repro.training.prediction_sheet import draw_examples
from nets import build
from solvers.emit import cut_nets
from solvers.experiments import FixedTrunk
from tests.fixtures.tiny_run import SIZES, write_voc

FIXED = ("conv1", "conv2", "conv3", "conv4")
TAPS = ("pool3", "pool4")
ITEMS = [f"2011_00000{i}" for i in range(len(SIZES))]
SOLVER = """
train_net: "%s/train.prototxt" base_lr: 1e-6 lr_policy: "fixed" momentum: 0.9 random_seed: 3
"""


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    datasets.register()
    voc = write_voc(tmp_path)
    return replace(VOC, train=make_voc_layer(voc, "train"), val=make_voc_layer(voc, "val"))


@pytest.fixture
def nets(tmp_path, data):
    """The prototxts of a net with random weights and of its parts, and the trunk's stored features of four images."""
    whole = {phase: build("vgg16-mini-8s", phase, data) for phase in ("train", "val", "deploy")}
    for layer in whole["train"].layer:
        if layer.name[:5] in FIXED:
            layer.param[0].lr_mult = layer.param[1].lr_mult = 0
    parts = cut_nets(whole, FixedTrunk("random", TAPS), data, tmp_path / "features")
    for folder, named in ("whole", whole), ("parts", parts):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "solver.prototxt").write_text(SOLVER % folder)
        for name, net in named.items():
            (tmp_path / folder / f"{name}.prototxt").write_text(text_format.MessageToString(net))
    net = caffe.Net("whole/deploy.prototxt", caffe.TEST)
    random = np.random.default_rng(0)
    for blobs in net.params.values():
        blobs[0].data[...] = random.normal(0, np.sqrt(2 / (blobs[0].count / blobs[0].num)), blobs[0].data.shape)
    net.params["conv1_1"][0].data[...] /= 50
    surgery.interp(net, surgery.find_upsampling_layers(net))
    net.blobs["data"].reshape(1, 3, *SIZES[0])
    net.blobs["data"].data[...] = random.normal(0, 60, net.blobs["data"].shape)
    net.forward()
    net.params["score_fr"][1].data[...] = -net.blobs["score"].data.mean((0, 2, 3))  # no class is large everywhere
    surgery.save(net, tmp_path / "weights.caffemodel")
    for split in data.train, data.val:
        store(tmp_path, split)
    return tmp_path


def store(path, split):
    in_order = replace(split, params={**split.params, "randomize": False})
    weights = path / "weights.caffemodel"
    store_features(path / "parts/trunk.prototxt", weights, open_data_layer(in_order), TAPS, path / "features")


def load(path, folder, phase="val"):
    return caffe.Net(str(path / folder / f"{phase}.prototxt"), caffe.TEST, weights=str(path / "weights.caffemodel"))


def test_stored_features_are_the_nets_own_blobs_rounded_to_sixteen_bits(nets):
    net = load(nets, "whole")
    for item in ITEMS:
        net.forward()
        for tap in TAPS:
            stored = np.load(feature_file("features", "val", tap, item))
            assert stored.dtype == np.float16 and stored.any()
            np.testing.assert_array_equal(stored, net.blobs[tap].data[0].astype(np.float16))


def test_the_head_on_stored_features_labels_and_scores_as_the_whole_net(nets):
    whole, head = load(nets, "whole"), load(nets, "parts")
    for _ in ITEMS:
        for net in whole, head:
            net.forward()
        expected = whole.blobs["score"].data
        assert np.abs(head.blobs["score"].data - expected).max() < 2e-3 * np.abs(expected).max()
        assert len(np.unique(argmax_classes(expected))) > 1
        assert (argmax_classes(head.blobs["score"].data) == argmax_classes(expected)).mean() > 0.99
        np.testing.assert_array_equal(head.blobs["label"].data, whole.blobs["label"].data)


def test_the_head_trains_as_in_the_whole_net_whose_trunk_is_fixed(nets, data, monkeypatch):
    monkeypatch.setattr("fcn_repro.model.store_features.STORED", np.float32)
    shutil.rmtree("features")
    store(nets, data.train)
    changes = {}
    for folder in "whole", "parts":
        solver = caffe.SGDSolver(f"{folder}/solver.prototxt")
        solver.net.copy_from("weights.caffemodel")
        before = {name: blobs[0].data.copy() for name, blobs in solver.net.params.items()}
        solver.step(3)
        changes[folder] = {name: blobs[0].data - before[name] for name, blobs in solver.net.params.items()}
    below = {name for name in changes["whole"] if name[:5] in FIXED}
    assert set(changes["whole"]) - set(changes["parts"]) == below
    assert not any(changes["whole"][name].any() for name in below)
    for name, expected in changes["whole"].items():
        if name not in below and not name.startswith("up"):
            difference = changes["parts"][name] - expected
            assert 0 < np.linalg.norm(expected) > 1000 * np.linalg.norm(difference), name


def test_cells_have_the_scores_and_labels_of_the_dense_head_at_their_centres(nets, data):
    in_order = replace(data, train=data.val)
    whole = {phase: build("vgg16-mini-32s-narrow", phase, in_order) for phase in ("train", "val", "deploy")}
    parts = cut_nets(whole, FixedTrunk("random", ("pool5",), cells_of=len(ITEMS)), in_order, nets / "features")
    for name, part in parts.items():
        (nets / "parts" / f"{name}.prototxt").write_text(text_format.MessageToString(part))
    source = open_data_layer(data.val)
    store_features(nets / "parts/trunk.prototxt", nets / "weights.caffemodel", source, ("pool5",), nets / "features")
    cells, dense = (caffe.Net(str(nets / f"parts/{phase}.prototxt"), caffe.TEST) for phase in ("train", "val"))
    cells.params["score_fr_narrow"][0].data[...] = np.random.default_rng(0).normal(size=(21, 64, 1, 1))
    surgery.transplant(dense, cells)
    cells.forward()
    scores, labels = [], []
    for _ in ITEMS:
        dense.forward()
        label = dense.blobs["label"].data[0, 0, 12::32, 12::32]  # from pixel 12.5 on, one per cell of 32 pixels
        scores.append(
            dense.blobs["score_fr_narrow"].data[0, :, : label.shape[0], : label.shape[1]].reshape(21, -1).copy()
        )
        labels.append(label.flatten())
    expected = np.concatenate(scores, axis=1)
    np.testing.assert_allclose(cells.blobs["score_fr_narrow"].data[0, :, 0], expected, atol=1e-4 * np.ptp(expected))
    assert cells.blobs["label"].data.ravel().tolist() == np.concatenate(labels).tolist()
    assert cells.layer_dict["loss"].type == "SoftmaxWithLoss" and np.ptp(expected) > 0


def test_the_sheet_of_a_head_shows_the_images_that_its_features_are_of(nets):
    (head,) = read_heads(nets / "whole/val.prototxt")
    sheets = [draw_examples(load(nets, part), head) for part in ("whole", "parts")]
    difference = np.abs(np.asarray(sheets[0], int) - np.asarray(sheets[1], int))
    assert (difference > 0).mean() < 0.01


def test_an_interrupted_run_stores_only_what_is_missing(nets, data, monkeypatch):
    path = feature_file("features", "val", "pool4", ITEMS[2])
    path.unlink()
    loaded = []
    layer = open_data_layer(replace(data.val, params={**data.val.params, "randomize": False}))
    load_item = layer.load
    monkeypatch.setattr(layer, "load", lambda item: loaded.append(item) or load_item(item))
    store_features(nets / "parts/trunk.prototxt", nets / "weights.caffemodel", layer, TAPS, nets / "features")
    assert loaded == [ITEMS[2]] and path.is_file()


def test_features_of_changed_weights_are_renewed(nets, data):
    net = load(nets, "parts", "trunk")
    net.params["conv4_3"][0].data[...] *= 2
    path = feature_file("features", "train", "pool4", ITEMS[0])
    before = np.load(path)
    surgery.save(net, nets / "weights.caffemodel")
    store(nets, data.train)
    assert np.load(path).max() > 1.5 * before.max()
    assert not feature_file("features", "val", "pool4", ITEMS[0]).exists()


def test_features_stay_where_only_the_rates_of_training_differ(nets, data):
    path = feature_file("features", "train", "pool4", ITEMS[0])
    before = path.stat()
    trunk = nets / "parts/trunk.prototxt"
    trunk.write_text(trunk.read_text().replace("lr_mult: 2.0", "lr_mult: 0.0"))
    store(nets, data.train)
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_damaged_feature_map_is_named(nets):
    path = feature_file("features", "val", "pool3", ITEMS[0])
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(Exception) as refused:
        load(nets, "parts").forward()
    assert f"{path.relative_to('.')}" in str(refused.value) and "Fix: remove it" in str(refused.value)


def test_features_that_do_not_fit_on_the_disk_are_refused_before_any_is_written(nets, data, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("", (), {"free": 10})())
    for tap in TAPS:
        feature_file("features", "val", tap, ITEMS[1]).unlink()
    with pytest.raises(OSError, match=r"0\.0 MB free on the disk, expected about 0\.1 MB"):
        store(nets, data.val)
    assert not feature_file("features", "val", TAPS[0], ITEMS[1]).exists()


def test_taps_that_do_not_cut_the_net_are_refused(data):
    net = build("vgg16-mini-8s", "train", data)
    reader = caffe.proto.caffe_pb2.LayerParameter(name="data", type="Python", top=["pool4", "label"])
    with pytest.raises(ValueError, match="score_pool3: got the bottom pool3, .* Fix: add pool3 to the taps"):
        cut_head(net, ["pool4"], reader)
    with pytest.raises(ValueError, match="taps: got pool9"):
        cut_trunk(net, ["pool9"])
    assert find_read_taps(build("vgg16-mini-32s", "train", data), TAPS) == ["pool4"]
