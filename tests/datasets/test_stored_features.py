"""Layers that serve stored feature maps, whole or cell by cell."""

from dataclasses import replace

import numpy as np
import pytest

from fcn_repro import datasets
from fcn_repro.datasets.data_layer import open_data_layer
from fcn_repro.datasets.stored_features import feature_file, make_cells_layer, make_features_layer
from fcn_repro.datasets.voc import make_voc_layer
from tests.fixtures.tiny_run import SIZES, write_voc

ITEMS = [f"2011_00000{i}" for i in range(len(SIZES))]
STRIDE, FIRST = 8, 4.5  # finer than VGG's 32 and 12.5, for images of some 20 pixels


@pytest.fixture
def source(tmp_path):
    datasets.register()
    spec = make_voc_layer(write_voc(tmp_path), "train")
    for i, item in enumerate(ITEMS):
        path = feature_file(tmp_path, "train", "pool5", item)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.random.default_rng(i).normal(size=(3, 12, 13)).astype(np.float16))
    return spec


def cells(source, folder, **varied):
    spec = make_features_layer(replace(source, params={**source.params, **varied}), folder, ["pool5"])
    layer = make_cells_layer(spec, 2, (3, 2))
    return open_data_layer(replace(layer, params={**layer.params, "stride": STRIDE, "first": FIRST}))


def test_whole_maps_come_with_their_labels_in_the_sources_order(source, tmp_path):
    original, layer = open_data_layer(source), open_data_layer(make_features_layer(source, tmp_path, ["pool5"]))
    for number in range(8):
        picks = [each.order.step() for each in (original, layer)]
        assert picks[0] == picks[1], number
        feature, label = layer.load(ITEMS[picks[0]])
        assert np.array_equal(feature, np.load(feature_file(tmp_path, "train", "pool5", ITEMS[picks[0]])))
        assert np.array_equal(label, original.load(ITEMS[picks[0]])[1])


def test_cells_are_the_windows_and_the_labels_at_their_centres(source, tmp_path):
    layer = cells(source, tmp_path)
    pick = layer._picks[0]
    tap, label = layer.read(pick)
    windows, labels = [], []
    for number, _ in pick:
        feature, label_hw = open_data_layer(make_features_layer(source, tmp_path, ["pool5"])).load(ITEMS[number])
        for i, y in enumerate(range(int(FIRST), label_hw.shape[1], STRIDE)):
            for j, x in enumerate(range(int(FIRST), label_hw.shape[2], STRIDE)):
                windows.append(feature[:, i : i + 5 : 2, j : j + 5 : 2])
                labels.append(label_hw[0, y, x])
    assert tap.shape == (1, 3, 3, 3 * len(labels)) and label.shape == (1, 1, 1, len(labels))
    assert np.array_equal(tap[0], np.concatenate(windows, axis=2)) and label.ravel().tolist() == labels


def test_dropped_background_is_void_and_nothing_else_changes(source, tmp_path):
    whole, dropped = cells(source, tmp_path), cells(source, tmp_path, keep_background=0.5)
    void = kept = 0
    for _ in range(10):
        (tap, label), (same, thinned) = (layer.read(layer.pick(layer.order)) for layer in (whole, dropped))
        assert np.array_equal(tap, same) and np.array_equal(thinned[label != 0], label[label != 0])
        void, kept = void + (thinned[label == 0] == 255).sum(), kept + (thinned[label == 0] == 0).sum()
    assert 0.3 < void / (void + kept) < 0.7


def test_augmentations_of_images_are_refused(source, tmp_path):
    with pytest.raises(ValueError, match="stored features: got mirror; expected only augmentations of labels"):
        cells(source, tmp_path, mirror=True)
