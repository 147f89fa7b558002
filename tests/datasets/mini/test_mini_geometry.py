"""The mini scenes with two label maps, in SIFT Flow's files, and the layer that serves one of them or both."""

import numpy as np
import pytest

from fcn_repro import datasets
from fcn_repro.datasets import siftflow
from fcn_repro.datasets.mini import mini, mini_geometry, scenes


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    """Three scenes to train on and two to score, of animals that are discs."""
    yy, xx = np.mgrid[:28, :28]
    disc = (255 * ((yy - 13.5) ** 2 + (xx - 13.5) ** 2 < 150)).astype(np.uint8)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mini, "SCENES", {"train": 3, "val": 2})
    monkeypatch.setattr(mini, "load_bitmaps", lambda: dict.fromkeys(mini.SCENES, [[disc] * 5 for _ in mini.KINDS]))
    assert mini_geometry.prepare() == {"train": 3, "val": 2}
    return mini_geometry.ROOT


def layer(data_net, split, *heads):
    facts = mini_geometry.make_facts(*heads)
    spec = facts.train if split == "train" else facts.val
    datasets.register()
    net = data_net(spec.module, spec.layer, dict(spec.params), " ".join(["data", *heads]))
    assert list(net.blobs) == ["data", *heads]
    return net.layers[0]


def test_labels_are_the_scenes_and_animals_are_upright(prepared, data_net):
    served = layer(data_net, "train", "sem", "geo")
    for number, item in enumerate(served.items):
        data, sem, geo = served.load(item)
        bitmaps = mini.load_bitmaps()["train"]
        scene = scenes.compose(np.random.RandomState(mini.SEEDS["train"] + number), mini.KINDS, bitmaps)
        np.testing.assert_array_equal(sem[0], scene.label_hw)
        np.testing.assert_array_equal(geo[0], scene.label_hw > 0)
        assert data.shape == (3, *scene.label_hw.shape)


def test_contours_of_scored_scenes_are_void_in_both(prepared, data_net):
    served = layer(data_net, "val", "sem", "geo")
    for item in served.items:
        _, sem, geo = served.load(item)
        assert (sem == 255).any() and ((sem == 255) == (geo == 255)).all()
        assert set(np.unique(geo)) <= {0, 1, 255}


@pytest.mark.parametrize("head, number", [("sem", 1), ("geo", 2)])
def test_one_head_is_served_alone(prepared, data_net, head, number):
    both, alone = layer(data_net, "val", "sem", "geo"), layer(data_net, "val", head)
    for item in both.items:
        every = both.load(item)
        for found, expected in zip(alone.load(item), (every[0], every[number]), strict=True):
            np.testing.assert_array_equal(found, expected)
    assert alone.facts.labels[-1] == siftflow.SIFTFLOW.void


def test_scenes_are_composed_once(prepared):
    files = {path: path.stat().st_mtime_ns for path in prepared.rglob("*")}
    mini_geometry.prepare()
    assert files == {path: path.stat().st_mtime_ns for path in prepared.rglob("*")}
