"""Segmenter on a net that passes the image through: every pixel's label is the channel that exceeds its mean most."""

import numpy as np
import pytest
from PIL import Image

from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.inference.segmenter import Segmenter
from fcn_repro.model import deploy_metadata
from fcn_repro.model.deploy_metadata import Deployment
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.model.surgery import save
from fcn_repro.system import memory

MEAN_BGR = (104.00699, 116.66877, 122.67892)
INPUT = 'layer { name: "input" type: "Input" top: "data" input_param { shape { dim: [1, 3, 500, 500] } } }'
COPY = """
layer { name: "%s" type: "Convolution" bottom: "data" top: "%s"
        convolution_param { num_output: 3 kernel_size: 1 bias_term: false } }
"""


def write_model(folder: RunFolder, *outputs: str, reads: tuple = ("color",)) -> RunFolder:
    folder.path.mkdir(parents=True)
    folder.deploy.write_text(INPUT + "".join(COPY % (name, name) for name in outputs))
    deploy_metadata.write(folder.facts, Deployment(reads, MEAN_BGR, dict.fromkeys(outputs, ("blue", "green", "red"))))
    net = caffe.Net(str(folder.deploy), caffe.TEST)
    for i, name in enumerate(outputs):
        net.params[name][0].data[...] = np.roll(np.eye(3), i, axis=0)[..., None, None]
    save(net, folder.final)
    return folder


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


def test_files_pictures_and_arrays_are_labelled_alike(segmenter, tmp_path):
    image_rgb = np.random.default_rng(0).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    image = Image.fromarray(image_rgb)
    image.save(tmp_path / "p.png")
    labels = [segmenter(each) for each in (image_rgb, image, tmp_path / "p.png", str(tmp_path / "p.png"))]
    assert all(np.array_equal(each, labels[0]) for each in labels) and labels[0].dtype == np.uint8


@pytest.mark.parametrize("array", [np.zeros((4, 5)), np.zeros((4, 5, 4), np.uint8), np.zeros((4, 5, 3))])
def test_arrays_that_are_no_photographs_are_refused(segmenter, array):
    with pytest.raises(ValueError, match="expected a photograph, uint8"):
        segmenter(array)


def test_tiles_and_the_whole_have_the_same_labels(model):
    image_rgb = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    whole = Segmenter(model.path, tile=0)
    tiles = Segmenter(model.path, tile=32)
    assert [piece.total for piece in tiles.pieces(image_rgb)] == [2 * 3] * 6
    assert np.array_equal(tiles(image_rgb), whole(image_rgb))


def test_photographs_are_tiled_unasked_where_the_whole_would_not_fit(model, monkeypatch):
    monkeypatch.setattr(memory, "resident_bytes", lambda: 0.0)
    monkeypatch.setenv("MEMORY_GB", "0.012")  # of which 10.8 MB may be used, and a pixel takes 63 bytes
    segmenter, image_rgb = Segmenter(model.path, gpu=-1), np.random.default_rng(0).integers(0, 256, (400, 500, 3), "u1")
    totals = [next(segmenter.pieces(image_rgb[:side])).total for side in (300, 400)]
    assert totals == [1, 4]
    assert np.array_equal(segmenter(image_rgb), Segmenter(model.path, tile=0, gpu=-1)(image_rgb))


def test_each_output_has_labels_of_its_own(tmp_path):
    segmenter = Segmenter(write_model(RunFolder("two", tmp_path), "score_sem", "score_geo").path)
    blue = Image.new("RGB", (2, 2), (0, 0, 255))
    assert segmenter.outputs == ["score_sem", "score_geo"]
    assert segmenter(blue, "score_sem")[0, 0] == 0 and segmenter(blue, "score_geo")[0, 0] == 1


def test_a_model_is_found_by_its_name_in_build(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    segmenter = Segmenter("copy")
    assert (segmenter.class_names, segmenter.weights) == (("blue", "green", "red"), RunFolder("copy").final)


def test_weights_can_be_named(model, tmp_path):
    other = tmp_path / "other.caffemodel"
    model.final.rename(other)
    assert Segmenter(model.path, other).weights == other


def test_without_own_weights_the_released_ones_are_fetched(model, tmp_path, monkeypatch):
    released = tmp_path / "released.caffemodel"
    model.final.rename(released)
    monkeypatch.setattr("fcn_repro.inference.segmenter.sources", lambda: {"copy": None})
    monkeypatch.setattr("fcn_repro.inference.segmenter.fetch", lambda name: released if name == "copy" else None)
    assert Segmenter(model.path).weights == released


def test_says_what_is_missing(model, monkeypatch):
    monkeypatch.setattr("fcn_repro.inference.segmenter.sources", dict)
    model.final.unlink()
    with pytest.raises(DataError, match=r"final\.caffemodel: missing; train it \(make copy\) or name other weights"):
        Segmenter(model.path)
    model.facts.unlink()
    with pytest.raises(DataError, match=r"deploy\.json: missing; .*python -m tools\.emit copy"):
        Segmenter(model.path)
    with pytest.raises(DataError, match=r"build/none/deploy\.prototxt: missing; .*tools\.emit none"):
        Segmenter("none")


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"reads": [], "mean_bgr": [], "classes": []}'])
def test_a_damaged_note_is_refused(model, note):
    model.facts.write_text(note)
    with pytest.raises(DataError, match=r"deploy\.json: \w+: .*expected reads, mean_bgr and classes"):
        Segmenter(model.path)


def test_nets_that_read_more_than_photographs_are_refused(tmp_path):
    folder = write_model(RunFolder("rgbd", tmp_path), "score", reads=("color", "depth"))
    with pytest.raises(DataError, match="rgbd reads color and depth; expected a net for photographs"):
        Segmenter(folder.path)
