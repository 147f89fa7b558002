import numpy as np
import pytest
from PIL import Image

from fcn_repro.errors import DataError
from fcn_repro.inference.segmenter import Segmenter
from fcn_repro.model.exchange.export import ExportModel
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.system import memory
from tests.fixtures.copy_model import write_model


@pytest.fixture
def model(tmp_path):
    return write_model(RunFolder("copy", tmp_path / "build"), "score")


@pytest.fixture
def segmenter(model):
    return Segmenter(model.path, gpu=-1)


@pytest.mark.parametrize(
    "colour, label",
    [
        *(((0, 0, 255), 0), ((0, 255, 0), 1), ((255, 0, 0), 2)),  # channels in the order blue, green, red
        ((112, 112, 84), 1),  # 10 below the mean of red, 5 below that of green, 20 below that of blue
    ],
)
@pytest.mark.parametrize("size", [(5, 4), (1, 1), (7, 3), (60, 40)])
def test_every_pixel_is_labelled_by_its_channels_minus_the_mean(segmenter, size, colour, label):
    labels = segmenter(Image.new("RGB", size, colour))
    assert labels.shape == size[::-1] and (labels == label).all()


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


def test_a_model_is_found_in_build_with_its_final_given_or_released_weights(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    segmenter = Segmenter("copy")
    assert (segmenter.class_names, segmenter.weights) == (("blue", "green", "red"), RunFolder("copy").final)
    other = tmp_path / "other.caffemodel"
    model.final.rename(other)
    assert Segmenter(model.path, other).weights == other
    monkeypatch.setattr("fcn_repro.model.find_weights.read_catalogue", lambda: {"copy": None})
    monkeypatch.setattr("fcn_repro.model.find_weights.fetch", lambda name: other if name == "copy" else None)
    assert Segmenter(model.path).weights == other


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


OLD_INPUT = 'input: "data" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8 '
OLD_FORMS = {
    "input": 'layer { name: "score" type: "Convolution" bottom: "data" top: "score" %s }',
    "V1": 'layers { name: "score" type: CONVOLUTION bottom: "data" top: "score" %s }',
}


@pytest.mark.parametrize("form", OLD_FORMS)
def test_old_forms_of_a_deploy_net_label_and_export_alike(model, segmenter, tmp_path, form):
    image = np.random.default_rng(1).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    expected = segmenter(image)
    param = "convolution_param { num_output: 3 kernel_size: 1 bias_term: false }"
    model.deploy.write_text(OLD_INPUT + OLD_FORMS[form] % param)
    assert np.array_equal(Segmenter(model.path, gpu=-1, tile=4)(image), expected)
    _, run = ExportModel.from_folder(model, model.final).to_torch(tmp_path)
    assert all(each.worst <= 1e-5 * each.largest for each in ExportModel.from_folder(model, model.final).compare(run))


def test_a_net_that_does_not_fit_its_note_is_refused_before_anything_is_labelled(model):
    model.metadata.write_text(model.metadata.read_text().replace('"score"', '"scores"'))
    with pytest.raises(DataError, match="got the output 'scores'; expected a blob of deploy.prototxt"):
        Segmenter(model.path, gpu=-1)
