from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fcn_repro import datasets
from fcn_repro.engine import caffe
from fcn_repro.evaluation.evaluate import score_net
from fcn_repro.model.loss_heads import read_heads
from tests.fixtures.tiny_run import SIZES, write_run


@pytest.fixture
def folder(tmp_path):
    return write_run(tmp_path)


@pytest.fixture
def net(folder):
    """The tiny run's validation net, with weights that predict this and that."""
    datasets.register()
    net = caffe.Net(str(folder.val), caffe.TEST)
    random = np.random.default_rng(0)
    for name in ("score_fr", "upscore"):
        for blob in net.params[name]:
            blob.data[...] = random.normal(size=blob.data.shape)
    return net


def test_scores_of_a_split_agree_with_a_count_over_its_files(net, folder, tmp_path):
    score = score_net(net, read_heads(folder.val), pictures=tmp_path / "pictures")["score"]
    expected = np.zeros((21, 21), int)
    for i in range(len(SIZES)):
        truth = np.asarray(Image.open(tmp_path / f"VOC/SegmentationClass/2011_00000{i}.png"))
        prediction = np.asarray(Image.open(tmp_path / f"pictures/2011_00000{i}.png"))
        for pixel in np.ndindex(truth.shape):
            if truth[pixel] != 255:
                expected[truth[pixel], prediction[pixel]] += 1
    assert np.array_equal(score.hist, expected)
    assert len(np.flatnonzero(expected.sum(0))) > 2  # so that the comparison says something


def test_loss_is_the_mean_over_images(net, folder):
    losses = [float(net.forward()["loss"]) for _ in SIZES]
    assert score_net(net, read_heads(folder.val))["score"].loss == pytest.approx(np.mean(losses), rel=1e-6)


def test_scoring_starts_at_the_first_image_and_leaves_the_data_layer_where_it_was(net, folder):
    whole = score_net(net, read_heads(folder.val), images=2)["score"]
    net.forward()
    again = score_net(net, read_heads(folder.val), images=2)["score"]
    assert np.array_equal(whole.hist, again.hist)
    assert net.layers[0].index == 1


def test_saved_label_maps_have_the_size_of_their_images(net, folder, tmp_path):
    score_net(net, read_heads(folder.val), images=1, pictures=tmp_path / "pictures")
    with Image.open(tmp_path / "pictures/2011_000000.png") as image:
        assert image.size == SIZES[0][::-1]
        assert image.mode == "P"


def test_a_net_without_a_data_layer_cannot_be_scored(folder, tmp_path):
    by_hand = 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: [1, 3, 9, 9] } } }'
    (tmp_path / "val.prototxt").write_text(by_hand)
    with pytest.raises(ValueError, match="got type Input; expected a SegDataLayer"):
        score_net(caffe.Net(str(tmp_path / "val.prototxt"), caffe.TEST), [])


def test_void_pixels_are_counted_apart(net, folder, tmp_path):
    score = score_net(net, read_heads(folder.val))["score"]
    labels = [np.asarray(Image.open(tmp_path / f"VOC/SegmentationClass/2011_00000{i}.png")) for i in range(len(SIZES))]
    assert score.void == sum(int((label == 255).sum()) for label in labels) > 0
    assert score.hist.sum() + score.void == sum(label.size for label in labels)


def test_the_subsets_of_a_data_set_are_scored_beside_the_whole(net, folder, monkeypatch):
    layer = type(net.layers[0])
    monkeypatch.setattr(layer, "facts", replace(layer.facts, subsets={"squares and discs": (1, 15)}))
    score = score_net(net, read_heads(folder.val))["score"]
    hist = score.subsets["squares and discs"].hist
    assert np.array_equal(hist.sum(1), np.where(np.isin(np.arange(21), [1, 15]), score.hist.sum(1), 0))
    assert set(np.flatnonzero(hist.sum(0))) <= {1, 15}
