"""Depth that is made up for the mini scenes, and the layer that serves it."""

import numpy as np
import pytest

from fcn_repro import datasets
from fcn_repro.datasets.mini import mini, mini_depth, scenes


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    """Three scenes to train on and two to score, of animals that are discs."""
    yy, xx = np.mgrid[:28, :28]
    disc = (255 * ((yy - 13.5) ** 2 + (xx - 13.5) ** 2 < 150)).astype(np.uint8)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mini, "SCENES", {"train": 3, "val": 2})
    monkeypatch.setattr(mini, "load_silhouettes", lambda: {kind: np.stack([disc] * 300) for kind in mini.KINDS})
    half = mini.split(np.stack([disc] * 300))
    monkeypatch.setattr(mini, "split", lambda bitmaps: half._replace(train=bitmaps[:5]))
    assert mini_depth.prepare() == {"train": 3, "val": 2}
    return mini_depth.ROOT


def net(data_net, split, *inputs):
    facts = mini_depth.make_facts(*inputs)
    spec = facts.train if split == "train" else facts.val
    datasets.register()
    return data_net(spec.module, spec.layer, dict(spec.params), " ".join([*inputs, "label"]))


def test_what_hides_is_nearer_and_ground_is_behind_everything():
    instance = np.zeros((scenes.SIDE, scenes.SIDE), np.uint8)
    instance[20:90, 20:90], instance[60:130, 60:130], instance[110:160, 0:80] = 1, 2, 4
    depth = mini_depth.make_depth(instance, np.random.RandomState(0))
    nearest, farthest = ([f(depth[instance == i]) for i in (4, 2, 1, 0)] for f in (np.min, np.max))
    assert all(a < b for a, b in zip(farthest, nearest[1:], strict=False))
    assert 9 < depth[0, 159] < 11 and nearest[0] > 1


def test_a_seed_gives_the_same_depth():
    instance = np.zeros((scenes.SIDE, scenes.SIDE), np.uint8)
    depths = [mini_depth.make_depth(instance, np.random.RandomState(seed)) for seed in (1, 1, 2)]
    assert np.array_equal(depths[0], depths[1]) and not np.array_equal(depths[0], depths[2])


def test_images_are_those_of_the_mini_scenes_and_labels_are_aligned(prepared, data_net):
    every = net(data_net, "train", "color", "depth", "hha")
    layer = every.layers[0]
    for number, item in enumerate(layer.items):
        color, depth, hha, label = layer.load(item)
        random = np.random.RandomState(mini.SEEDS["train"] + number)
        bitmaps = mini.load_bitmaps()["train"]
        scene = scenes.compose(random, mini.KINDS, bitmaps)
        expected = scene.image_rgb[..., ::-1].transpose(2, 0, 1) - np.float32(mini.MINI.mean_bgr)[:, None, None]
        np.testing.assert_allclose(color, expected, atol=1e-4)
        np.testing.assert_array_equal(label[0], scene.label_hw)
        ground = label[0] == 0
        assert depth[0][ground].min() > depth[0][~ground].max()
        assert hha[0][ground].max() < hha[0][~ground].min()  # disparity


def test_validation_scenes_have_void_contours_and_training_scenes_none(prepared, data_net):
    for split, void in ("train", False), ("val", True):
        layer = net(data_net, split, "color").layers[0]
        labels = np.concatenate([layer.load(item)[1].ravel() for item in layer.items])
        assert (255 in labels) == void and set(labels) <= {*range(7), 255}


def test_scenes_are_composed_once(prepared):
    files = {path: path.stat().st_mtime_ns for path in prepared.rglob("*")}
    mini_depth.prepare()
    assert files == {path: path.stat().st_mtime_ns for path in prepared.rglob("*")}
