"""The mini data set on made-up bitmaps: scenes, files, windows."""

import random
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.io
from PIL import Image

from fcn_repro.datasets import file_readers, voc
from fcn_repro.datasets.mini import mini, scenes
from fcn_repro.datasets.mini.silhouettes import Split
from fcn_repro.datasets.preprocessing import to_blob

SPLITS = {"train": 6, "val": 4}


def bitmap(kind: int, number: int) -> np.ndarray:
    """A solid shape with a dark hole, unlike any other of its kind."""
    pixels = np.zeros((28, 28), np.uint8)
    pixels[2 + kind : 20 + kind, 3 + number : 22 + number] = 255
    pixels[10, 10 + number : 13 + number] = 60
    return pixels


BITMAPS = [np.stack([bitmap(kind, number) for number in range(5)]) for kind in range(len(mini.KINDS))]


def composed(seed: int) -> scenes.Scene:
    return scenes.compose(np.random.RandomState(seed), mini.KINDS, BITMAPS)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set of ten scenes; the working directory is the folder that holds build/."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mini, "load_silhouettes", lambda: dict(zip(mini.KINDS, BITMAPS, strict=True)))
    monkeypatch.setattr(mini, "split", lambda bitmaps: Split(bitmaps[:3], bitmaps[3:]))
    monkeypatch.setattr(mini, "SCENES", SPLITS)
    monkeypatch.setattr(mini, "WINDOWS", {"train": 9, "val": 5})
    assert mini.prepare() == SPLITS
    return mini.ROOT


def windows(root: Path, split: str, **options: object) -> mini.WindowDataLayer:
    """The layer over a split's windows, set up as a net would do it."""
    layer = mini.WindowDataLayer.__new__(mini.WindowDataLayer)
    spec = mini.OBJECTS.train if split == "train" else mini.OBJECTS.val
    layer.param_str = repr({**spec.params, **options})
    layer.setup([], [None, None])
    return layer


# scenes


def test_a_seed_makes_the_same_scene_again_and_another_seed_another():
    one, again = composed(3), composed(3)
    assert np.array_equal(one.image_rgb, again.image_rgb) and np.array_equal(one.instance_hw, again.instance_hw)
    assert one.windows == again.windows
    assert not np.array_equal(one.label_hw, composed(4).label_hw)


def test_ground_shows_exactly_where_the_label_is_ground(monkeypatch):
    """The same draws with the ground painted in a colour that no coat can have."""
    scene, texture = composed(5), scenes._make_texture

    def unmistakable(random):
        for span in scenes.GROUND_RGB:
            random.uniform(*span)
        return texture(random, scenes.GROUND_TEXTURE) * 0 - 1e6

    monkeypatch.setattr(scenes, "_make_ground", unmistakable)
    monkeypatch.setattr(scenes, "COATS_RGB", dict.fromkeys(scenes.COATS_RGB, (250, 250, 250)))
    assert np.array_equal(composed(5).image_rgb.any(axis=2), scene.label_hw > 0)


def test_an_instance_is_of_one_kind_and_ground_is_no_instance():
    for seed in range(10):
        scene = composed(seed)
        assert np.array_equal(scene.instance_hw == 0, scene.label_hw == 0)
        for instance in range(1, scene.instance_hw.max() + 1):
            assert len(np.unique(scene.label_hw[scene.instance_hw == instance])) <= 1


def test_later_instances_hide_earlier_ones():
    last = [composed(seed).instance_hw for seed in range(30)]
    assert all((instances == instances.max()).sum() > 400 for instances in last if instances.any())


def test_a_window_of_ground_is_clear_of_animals():
    for seed in range(30):
        scene = composed(seed)
        for window in scene.windows:
            if window.label == 0:
                near = scene.label_hw[window.y - 14 : window.y + 15, window.x - 14 : window.x + 15]
                assert near.shape == (29, 29) and not near.any()


def test_a_window_lies_in_the_middle_of_what_shows_and_an_animal_that_is_mostly_hidden_has_none():
    label, instance = np.full((160, 160), 2, np.uint8), np.full((160, 160), 2, np.uint8)
    label[40:50, 20:60], instance[40:50, 20:60] = 5, 1
    assert scenes._find_animals(label, instance, [0, 401, 25600])[0].label == 5
    assert [window.label for window in scenes._find_animals(label, instance, [0, 1000, 25600])] == [2]
    label, instance = np.zeros((2, 160, 160), np.uint8)
    label[40:51, 20:61] = instance[40:51, 20:61] = 1
    assert scenes._find_animals(label, instance, [0, 451]) == [scenes.Window(1, 40, 45)]


def test_contours_are_two_pixels_wide_and_part_neighbours_of_one_kind():
    instance = np.zeros((8, 8), np.uint8)
    instance[:, 4:] = 1
    assert np.array_equal(scenes.find_contours(instance)[0], [False] * 3 + [True] * 2 + [False] * 3)
    instance = np.ones((6, 6), np.uint8)
    instance[3:] = 2
    assert scenes.find_contours(instance)[2:4].all()


# files


def test_training_labels_are_in_sbds_files_without_void(root):
    path = root / "sbdd" / "cls" / "train_0003.mat"
    label = scipy.io.loadmat(str(path))["GTcls"]["Segmentation"][0, 0]
    expected = scenes.compose(np.random.RandomState(3), mini.KINDS, [kind[:3] for kind in BITMAPS]).label_hw
    assert np.array_equal(label, expected)


def test_validation_labels_are_vocs_indexed_images_with_void_contours(root):
    path = root / "VOC2011" / "SegmentationClass" / "val_0002.png"
    scene = scenes.compose(np.random.RandomState(1_000_002), mini.KINDS, [kind[3:] for kind in BITMAPS])
    with Image.open(path) as image:
        assert image.mode == "P"
        label = np.array(image)
    void = scenes.find_contours(scene.instance_hw)
    assert (label[void] == 255).all() and np.array_equal(label[~void], scene.label_hw[~void])


def test_vocs_own_layers_read_both_splits(root):
    for spec, kind, split in (
        (mini.MINI.train, voc.SBDDSegDataLayer, "train"),
        (mini.MINI.val, voc.VOCSegDataLayer, "val"),
    ):
        assert spec.layer == kind.__name__
        layer = kind.__new__(kind)
        layer.param_str = repr(dict(spec.params))
        layer.setup([], [None, None])
        assert len(layer.items) == SPLITS[split]
        data, label = layer.load(layer.items[0])
        assert (data.shape, label.shape) == ((3, 160, 160), (1, 160, 160))


def test_images_keep_what_was_composed_but_for_jpegs_loss(root):
    scene = scenes.compose(np.random.RandomState(0), mini.KINDS, [kind[:3] for kind in BITMAPS])
    image = file_readers.read_rgb(root / "sbdd" / "img" / "train_0000.jpg")
    assert np.abs(image.astype(int) - scene.image_rgb).mean() < 6


def test_existing_files_stay_and_removed_ones_are_written_again(root, monkeypatch):
    assert len(windows(root, "train").items) == 9 and len(windows(root, "val").items) == 5
    path = root / "sbdd" / "cls" / "train_0004.mat"
    before = scipy.io.loadmat(str(path))["GTcls"]["Segmentation"][0, 0]
    with monkeypatch.context() as patch:
        patch.setattr(mini, "load_silhouettes", lambda: pytest.fail("loaded"))
        assert mini.prepare() == SPLITS
    path.unlink()
    mini.prepare()
    assert np.array_equal(scipy.io.loadmat(str(path))["GTcls"]["Segmentation"][0, 0], before)


def test_an_incomplete_folder_never_has_the_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mini, "load_silhouettes", lambda: dict(zip(mini.KINDS, BITMAPS, strict=True)))
    monkeypatch.setattr(mini, "split", lambda bitmaps: Split(bitmaps[:3], bitmaps[3:]))
    monkeypatch.setattr(scenes, "find_contours", lambda instance_hw: 1 / 0)
    monkeypatch.setattr(mini, "SCENES", SPLITS)
    with pytest.raises(ZeroDivisionError):
        mini.prepare()
    assert not mini.ROOT.exists()


# windows


def test_a_window_shows_the_pixels_around_its_middle_and_nothing_beyond_the_border():
    blob = np.arange(1.0, 160 * 160 + 1).reshape(1, 160, 160)
    inside = mini.crop(blob, 80, 70)
    assert inside.shape == (1, 96, 96) and inside[0, 48, 48] == blob[0, 70, 80]
    corner = mini.crop(blob, 0, 159)
    assert np.array_equal(corner[0, :49, 48:], blob[0, 111:, :48]) and not corner[0, 49:].any()
    assert not corner[0, :, :48].any()


def test_scored_windows_are_neither_moved_nor_mirrored(root):
    layer = windows(root, "val")
    image, label, x, y = layer.items[0].split()
    ((data,), (found,)) = layer.read(layer.pick(layer.order))
    whole = to_blob(file_readers.read_rgb(mini.VOC / image), voc.MEAN_BGR)
    assert found == int(label) and np.array_equal(data, mini.crop(whole, int(x), int(y)))


def test_training_windows_are_moved_by_eight_pixels_at_most_and_every_other_one_is_mirrored(root):
    layer = windows(root, "train", batch_size=2000, seed=3)
    picked = layer.pick(layer.order)
    for moves in ({window.right for window in picked}, {window.down for window in picked}):
        assert moves == set(range(-8, 9))
    assert sum(window.mirrored for window in picked) == pytest.approx(1000, abs=100)


def test_a_mirrored_window_shows_the_same_pixels_the_other_way_round(root):
    layer = windows(root, "train")
    plain, mirrored = (layer.load_window(mini.WindowPick(2, 3, -4, flag))[0] for flag in (False, True))
    assert np.array_equal(plain, mirrored[..., ::-1])


def test_a_batch_holds_windows_in_the_order_of_the_draws(root):
    layer = windows(root, "train", batch_size=3, seed=5)
    draws = random.Random(5)
    expected, index = [], int(draws.random() * 9)
    for _ in range(3):
        right, down = (int(17 * draws.random()) - 8 for _ in range(2))
        expected.append((index, right, down, bool(int(2 * draws.random()))))
        index = int(draws.random() * 9)
    assert list(layer.pick(layer.order.copy())) == expected
    data, labels = serve(layer)
    for n, window in enumerate(expected):
        window_data, label = layer.load_window(mini.WindowPick(*window))
        assert np.array_equal(data[n], window_data) and labels[n] == label


def test_a_layer_resumes_at_the_position_of_another(root):
    one, other = windows(root, "train"), windows(root, "train", seed=1)
    serve(one)
    other.seek(one.position())
    for expected, found in zip(serve(one), serve(other), strict=True):
        assert np.array_equal(found, expected)


def serve(layer):
    """The tops of one forward."""
    size = layer.options["batch_size"]
    shapes = (size, 3, 96, 96), (size,)
    top = [SimpleNamespace(data=np.zeros(shape, np.float32), reshape=lambda *_: None) for shape in shapes]
    layer.reshape([], top)
    layer.forward([], top)
    return [blob.data for blob in top]
