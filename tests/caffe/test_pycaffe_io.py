import sys
import types

import numpy as np
import pytest
from PIL import Image

from fcn_repro.caffe import io
from fcn_repro.caffe.proto import caffe_pb2

RNG = np.random.RandomState(1)

# ---- messages


def test_blobs_have_their_shape_but_those_of_2014_four_dims():
    blob = caffe_pb2.BlobProto(data=range(6))
    blob.shape.dim.extend([3, 2])
    array = io.blobproto_to_array(blob)
    assert (array.shape, array.dtype) == ((3, 2), np.float64)
    blob.num, blob.channels, blob.height, blob.width = 1, 1, 2, 3
    np.testing.assert_array_equal(io.blobproto_to_array(blob), np.arange(6.0).reshape(1, 1, 2, 3))


def test_a_blob_without_shape_has_one_number_and_a_datum_three_axes():
    assert io.blobproto_to_array(caffe_pb2.BlobProto(data=[3])) == 3
    with pytest.raises(ValueError, match="reshape"):
        io.blobproto_to_array(caffe_pb2.BlobProto(data=[3, 4]))
    with pytest.raises(ValueError, match="Incorrect array shape"):
        io.array_to_datum(np.ones((2, 2)))


@pytest.mark.parametrize("array", [np.float32(4), np.arange(6).reshape(1, 2, 3), RNG.rand(2, 2) > 0.5])
def test_arrays_survive_a_blob_and_a_vector_of_blobs(array):
    array = np.asarray(array)
    blob = io.array_to_blobproto(array, diff=-1.0 * array)
    np.testing.assert_array_equal(io.blobproto_to_array(blob), array)
    np.testing.assert_array_equal(io.blobproto_to_array(blob, return_diff=True), -1.0 * array)
    back = io.blobprotovector_str_to_arraylist(io.arraylist_to_blobprotovector_str([array, np.ones(3)]))
    assert [each.tolist() for each in back] == [array.tolist(), [1, 1, 1]]


@pytest.mark.parametrize(("dtype", "stored"), [(np.uint8, np.uint8), (np.float32, np.float64)])
def test_images_survive_a_datum(dtype, stored):
    image = (RNG.rand(3, 4, 5) * 255).astype(dtype)
    datum = io.array_to_datum(image, label=0)
    assert bool(datum.data) == (dtype == np.uint8)
    assert datum.HasField("label") and not io.array_to_datum(image).HasField("label")
    back = io.datum_to_array(datum)
    assert back.dtype == stored
    np.testing.assert_array_equal(back, image)


# ---- Transformer


@pytest.fixture
def transformer():
    t = io.Transformer({"data": (1, 3, 4, 5)})
    t.set_transpose("data", (2, 0, 1))
    t.set_channel_swap("data", (2, 1, 0))
    t.set_raw_scale("data", 255)
    t.set_mean("data", np.array([104.0, 117.0, 123.0]))
    t.set_input_scale("data", 0.5)
    return t


def test_steps_run_in_order_and_deprocess_inverts_them(transformer):
    image = RNG.rand(4, 5, 3)
    expected = (image.transpose(2, 0, 1)[::-1] * 255 - np.array([104.0, 117, 123])[:, None, None]) / 2
    found = transformer.preprocess("data", image)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(transformer.deprocess("data", found[np.newaxis]), image, atol=1e-6)


def test_images_are_resized_to_the_input_or_change_in_place_if_they_are_of_its_size_and_float32(transformer):
    assert transformer.preprocess("data", RNG.rand(9, 7, 3)).shape == (3, 4, 5)
    t = io.Transformer({"data": (1, 3, 4, 5)})
    t.set_raw_scale("data", 255)
    image = np.ones((4, 5, 3), np.float32)
    t.preprocess("data", image)
    assert (image == 255).all()


def test_a_mean_is_per_channel_or_an_image(transformer):
    image = RNG.rand(3, 4, 5)
    transformer.set_mean("data", image)
    np.testing.assert_array_equal(transformer.mean["data"], image)
    transformer.set_mean("data", RNG.rand(3, 8, 8))
    assert transformer.mean["data"].shape == (3, 4, 5)


@pytest.mark.parametrize(
    ("call", "error", "complaint"),
    [
        (lambda t: t.preprocess("image", np.ones((4, 5, 3))), Exception, "image is not one of the net inputs"),
        (lambda t: t.deprocess("image", np.ones((3, 4, 5))), Exception, "image is not one of the net inputs"),
        (lambda t: t.set_raw_scale("image", 2), Exception, "image is not one of the net inputs"),
        (lambda t: t.set_input_scale("image", 2), Exception, "image is not one of the net inputs"),
        (lambda t: t.set_transpose("data", (1, 0)), Exception, "Transpose order needs to name the input's 3 axes"),
        (lambda t: t.set_channel_swap("data", (1, 0)), Exception, "Channel swap needs to name the input's 3 channels"),
        (lambda t: t.set_mean("data", np.ones(4)), ValueError, "Mean channels incompatible with input: 4 and 3"),
        (lambda t: t.set_mean("data", np.ones((1, 3, 4, 5))), ValueError, "Mean shape invalid"),
    ],
)
def test_refuses_settings_that_do_not_fit_the_input(transformer, call, error, complaint):
    with pytest.raises(error, match=complaint):
        call(transformer)


# ---- images


@pytest.mark.parametrize(
    ("pixels", "color", "expected"),
    [
        (np.uint8([[[255, 0, 51], [0, 0, 0]]]), True, [[[1, 0, 0.2], [0, 0, 0]]]),
        (np.uint8([[51, 255]]), True, [[[0.2] * 3, [1] * 3]]),
        (np.uint8([[[255, 0, 51, 7]]]), True, [[[1, 0, 0.2]]]),
        (np.uint16([[65535, 13107]]), False, [[[1], [0.2]]]),
        (np.uint8([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]), False, [[[0.2125], [0.7154], [0.0721]]]),
    ],
    ids=["RGB", "grey repeated", "alpha dropped", "16 bits", "luma"],
)
def test_images_are_float32_from_0_to_1(tmp_path, pixels, color, expected):
    Image.fromarray(pixels).save(tmp_path / "a.png")
    image = io.load_image(tmp_path / "a.png", color)
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, expected, rtol=1e-6)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_resizing_keeps_type_channels_and_range(channels):
    image = RNG.rand(10, 12, channels) * 255
    for size in ((5, 6), (20, 13)):
        resized = io.resize_image(image, size)
        assert (resized.shape, resized.dtype) == ((*size, channels), np.float32)
        assert image.min() - 1 <= resized.min() <= resized.max() <= image.max() + 1
    np.testing.assert_allclose(io.resize_image(image, (10, 12)), image, rtol=1e-6)


def test_halving_averages_neighbours_and_a_constant_image_stays_constant():
    assert (io.resize_image(np.full((4, 4, 3), 7.0), (9, 2)) == 7).all()
    image = np.zeros((8, 8, 1))
    image[:, 4:] = 1
    row = io.resize_image(image, (4, 4))[1, :, 0]
    assert row[0] < row[1] < 0.5 < row[2]


def test_crops_are_corners_then_centre_then_their_mirrors():
    image = np.arange(5 * 6, dtype=np.float32).reshape(5, 6, 1)
    crops = io.oversample([image, -image], (3, 3))
    assert crops.shape == (20, 3, 3, 1)
    assert crops[:5, 0, 0, 0].tolist() == [0, 3, 12, 15, 7]  # top left pixels
    np.testing.assert_array_equal(crops[5:10], crops[:5, :, ::-1])
    np.testing.assert_array_equal(crops[10:], -crops[:10])


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        (np.float32([[0.25, -3, 700]]), [0.25, -3, 700]),
        (np.uint16([[0, 65535, 13107]]), [0, 1, 0.2]),
        (np.int32([[0, 2**31 - 1, -(2**31)]]), [0, 1, -1]),
    ],
    ids=["floats", "16 bits", "32 bits"],
)
def test_numbers_of_other_types_are_read_as_scikit_image_reads_them(tmp_path, numbers, expected):
    Image.fromarray(numbers).save(tmp_path / "a.tif")
    for color in (True, False):
        image = io.load_image(tmp_path / "a.tif", color)
        np.testing.assert_allclose(image, np.float32(expected)[None, :, None] * np.ones(3 if color else 1), rtol=1e-6)


def test_resize_takes_the_shape_with_or_without_channels_and_converts_whole_numbers():
    levels = np.full((4, 6, 3), 51, np.uint8)
    for shape in ((2, 9), (2, 9, 3)):
        np.testing.assert_allclose(io.resize(levels, shape), np.full((2, 9, 3), 0.2))
    np.testing.assert_allclose(io.resize(levels, (2, 9), preserve_range=True), np.full((2, 9, 3), 51.0))
    assert io.resize(np.ones((4, 6), np.float32), (8, 8)).dtype == np.float32


@pytest.mark.parametrize(
    ("arguments", "complaint"), [(((3,),), "got output_shape"), (((2, 2), 1, "mirror"), "got mode")]
)
def test_resize_refuses_other_axes_and_modes(arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        io.resize(np.zeros((4, 6, 3)), *arguments)


def test_scikit_image_is_there_if_it_is_installed_and_otherwise_the_error_names_what_to_write(monkeypatch):
    found = types.ModuleType("skimage")
    for name in ("skimage", "skimage.io", "skimage.transform"):
        monkeypatch.setitem(sys.modules, name, found)
    assert io.skimage is found
    monkeypatch.setitem(sys.modules, "skimage.io", None)
    with pytest.raises(AttributeError, match="pip install scikit-image; or write caffe.io.load_image"):
        _ = io.skimage
    assert not hasattr(io, "imread")
