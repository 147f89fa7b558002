import sys
import types

import numpy as np
import pytest
from PIL import Image

from fcn_repro import caffe
from tests.fixtures.small_net import write

MEAN = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 3 dim: 3 dim: 4 dim: 4 } } }
layer { name: "score" type: "Pooling" bottom: "data" top: "score" pooling_param { pool: AVE global_pooling: true } }
"""  # the classes are the channels, so the answers are known
IMAGES = np.random.RandomState(1).rand(4, 8, 8, 3).astype(np.float32)


@pytest.fixture
def files(tmp_path):
    weights = str(tmp_path / "w.caffemodel")
    path = write(tmp_path, MEAN)
    caffe.Net(path, caffe.TEST).save(weights)
    return path, weights


def test_one_crop_is_the_centre_and_ten_are_averaged(files):
    classifier = caffe.Classifier(*files, image_dims=(8, 8))
    found = classifier.predict(IMAGES, oversample=False)
    np.testing.assert_allclose(found.reshape(4, 3), IMAGES[:, 2:6, 2:6].mean((1, 2)), rtol=1e-5)
    corners = [IMAGES[:, y : y + 4, x : x + 4].mean((1, 2)) for y, x in ((0, 0), (0, 4), (4, 0), (4, 4), (2, 2))]
    np.testing.assert_allclose(classifier.predict(IMAGES), np.mean(corners, axis=0), rtol=1e-5)


def test_images_are_resized_to_the_input_by_default(files):
    classifier = caffe.Classifier(*files)
    assert tuple(classifier.image_dims) == (4, 4)
    expected = [caffe.io.resize_image(image, (4, 4)).mean((0, 1)) for image in IMAGES]
    np.testing.assert_allclose(classifier.predict(IMAGES), expected, rtol=1e-5)


def test_images_are_preprocessed(files):
    classifier = caffe.Classifier(
        *files, mean=np.float32([1, 2, 3]), input_scale=2, raw_scale=255, channel_swap=(2, 1, 0), image_dims=(8, 8)
    )
    found = classifier.predict(IMAGES, oversample=False).reshape(4, 3)
    expected = (IMAGES[:, 2:6, 2:6].mean((1, 2))[:, ::-1] * 255 - [1, 2, 3]) * 2
    np.testing.assert_allclose(found, expected, rtol=1e-4)


# ---- Detector


@pytest.fixture
def image_file(tmp_path):
    pixels = np.zeros((20, 20, 3), np.uint8)
    pixels[5:10, 5:15] = (255, 0, 0)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    return str(tmp_path / "image.png")


def test_windows_are_cropped_and_warped(files, image_file):
    windows = [np.array([5, 5, 9, 9]), np.array([12, 0, 20, 20])]  # the first has the input's size
    found = caffe.Detector(*files).detect_windows([(image_file, windows)])
    assert [one["filename"] for one in found] == [image_file, image_file]
    assert [one["window"].tolist() for one in found] == [window.tolist() for window in windows]
    np.testing.assert_allclose([one["prediction"].ravel() for one in found], [[1, 0, 0], [0, 0, 0]], atol=1e-6)


def test_context_surrounds_a_window_and_is_the_mean_outside_the_image(files):
    image = np.zeros((20, 20, 3), np.float32)
    image[8:12, 8:12] = 1
    crop = caffe.Detector(*files, context_pad=1).crop(image, np.array([8, 8, 11, 11]))
    assert crop.shape == (4, 4, 3) and crop[1:3, 1:3].min() > 0.5 and crop[0].max() < 0.5
    options = dict(mean=np.float32([51, 102, 255]), raw_scale=255, channel_swap=(2, 1, 0))
    detector = caffe.Detector(*files, context_pad=1, **options)
    crop = detector.crop(np.zeros((20, 20, 3), np.float32), np.array([0, 0, 5, 5]))
    np.testing.assert_allclose(crop[0, 0], [1, 0.4, 0.2], rtol=1e-6)
    assert not crop[3, 3].any()


def test_proposals_come_from_the_selective_search_package(files, image_file, monkeypatch):
    package = types.ModuleType("selective_search_ijcv_with_python")
    package.get_windows = lambda paths, cmd: [[np.array([5, 5, 9, 9])] for _ in paths]
    monkeypatch.setitem(sys.modules, package.__name__, package)
    (found,) = caffe.Detector(*files).detect_selective_search([image_file])
    np.testing.assert_allclose(found["prediction"].ravel(), [1, 0, 0], atol=1e-6)
