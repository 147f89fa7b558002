import numpy as np
import pytest
from PIL import Image

from fcn_repro.errors import DataError
from fcn_repro.inference.segmenter import Segmenter
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.system import memory
from tests.fixtures.copy_model import write_model


@pytest.fixture
def model(tmp_path):
    return write_model(RunFolder("copy", tmp_path / "build"), "score")


@pytest.fixture
def segmenter(model):
    return Segmenter(model.path, gpu=-1)


@pytest.mark.parametrize("colour, label", [((0, 0, 255), 0), ((0, 255, 0), 1), ((255, 0, 0), 2)])
def test_channels_reach_the_net_in_the_order_blue_green_red(segmenter, colour, label):
    assert (segmenter(Image.new("RGB", (5, 4), colour)) == label).all()


def test_the_mean_is_subtracted(segmenter):
    # 10 below the mean of red, 5 below that of green, 20 below that of blue.
    assert (segmenter(Image.new("RGB", (5, 4), (112, 112, 84))) == 1).all()


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (60, 40)])
def test_the_label_map_has_the_images_size(segmenter, size):
    assert segmenter(Image.new("RGB", size)).shape == size[::-1]


def test_pixels_are_labelled_where_they_are(segmenter):
    image = Image.new("RGB", (3, 2), (0, 0, 255))
    image.putpixel((2, 0), (255, 0, 0))
    assert np.array_equal(segmenter(image), [[0, 0, 2], [0, 0, 0]])


def test_files_images_and_arrays_have_equal_labels(segmenter, tmp_path):
    image_rgb = np.random.default_rng(0).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    image = Image.fromarray(image_rgb)
    image.save(tmp_path / "p.png")
    labels = [segmenter(each) for each in (image_rgb, image, tmp_path / "p.png", str(tmp_path / "p.png"))]
    assert all(np.array_equal(each, labels[0]) for each in labels) and labels[0].dtype == np.uint8


@pytest.mark.parametrize("array", [np.zeros((4, 5)), np.zeros((4, 5, 4), np.uint8), np.zeros((4, 5, 3))])
def test_arrays_of_other_types_and_shapes_are_refused(segmenter, array):
    with pytest.raises(ValueError, match="expected uint8 .H, W, 3."):
        segmenter(array)


def test_tiles_and_the_whole_have_the_same_labels(model):
    image_rgb = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    whole = Segmenter(model.path, tile=0)
    tiles = Segmenter(model.path, tile=32)
    assert [tile.total for tile in tiles.compute_tiles(image_rgb)] == [2 * 3] * 6
    assert np.array_equal(tiles(image_rgb), whole(image_rgb))


def test_images_that_do_not_fit_in_memory_are_tiled(model, monkeypatch):
    monkeypatch.setattr(memory, "resident_bytes", lambda: 0.0)
    monkeypatch.setenv("MEMORY_GB", "0.012")  # 10.8 MB of it are used, and a pixel takes 63 bytes
    segmenter, image_rgb = Segmenter(model.path, gpu=-1), np.random.default_rng(0).integers(0, 256, (400, 500, 3), "u1")
    totals = [next(segmenter.compute_tiles(image_rgb[:side])).total for side in (300, 400)]
    assert totals == [1, 4]
    assert np.array_equal(segmenter(image_rgb), Segmenter(model.path, tile=0, gpu=-1)(image_rgb))


def test_each_output_has_its_own_labels(tmp_path):
    segmenter = Segmenter(write_model(RunFolder("two", tmp_path), "score_sem", "score_geo").path)
    blue = Image.new("RGB", (2, 2), (0, 0, 255))
    assert segmenter.outputs == ["score_sem", "score_geo"]
    assert segmenter(blue, "score_sem")[0, 0] == 0 and segmenter(blue, "score_geo")[0, 0] == 1


def test_a_model_is_found_by_its_name_in_build(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    segmenter = Segmenter("copy")
    assert (segmenter.class_names, segmenter.weights) == (("blue", "green", "red"), RunFolder("copy").final)


def test_given_weights_are_used(model, tmp_path):
    other = tmp_path / "other.caffemodel"
    model.final.rename(other)
    assert Segmenter(model.path, other).weights == other


def test_without_final_weights_the_released_ones_are_downloaded(model, tmp_path, monkeypatch):
    released = tmp_path / "released.caffemodel"
    model.final.rename(released)
    monkeypatch.setattr("fcn_repro.model.find_weights.read_catalogue", lambda: {"copy": None})
    monkeypatch.setattr("fcn_repro.model.find_weights.fetch", lambda name: released if name == "copy" else None)
    assert Segmenter(model.path).weights == released


def test_missing_files_are_named_with_the_fix(model, monkeypatch):
    monkeypatch.setattr("fcn_repro.model.find_weights.read_catalogue", dict)
    model.final.unlink()
    with pytest.raises(DataError, match=r"final\.caffemodel: missing. Fix: make copy, or give other weights"):
        Segmenter(model.path)
    model.metadata.unlink()
    with pytest.raises(DataError, match=r"deploy\.json: missing. .*python -m tools\.emit copy"):
        Segmenter(model.path)
    with pytest.raises(DataError, match=r"build/none/deploy\.prototxt: missing. .*tools\.emit none"):
        Segmenter("none")


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"reads": ["color"], "mean_bgr": [1, "x"], "classes": {}}'])
def test_damaged_metadata_is_refused(model, note):
    model.metadata.write_text(note)
    with pytest.raises(DataError, match=r"deploy\.json: .*expected .*Fix: python -m tools\.emit copy"):
        Segmenter(model.path)


def test_nets_with_other_inputs_are_refused(tmp_path):
    folder = write_model(RunFolder("rgbd", tmp_path), "score", reads=("color", "depth"))
    with pytest.raises(DataError, match="rgbd reads color and depth; expected color"):
        Segmenter(folder.path)
