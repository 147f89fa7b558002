"""Filters are drawn as they look, and histograms count every weight."""

import base64
import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fcn_repro.analysis.net_page.weight_images import BINS, describe_weights


def describe(weights, *others):
    arrays = [np.asarray(each, np.float32) for each in (weights, *others)]
    params = {f"layer{i}": [SimpleNamespace(data=array)] for i, array in enumerate(arrays)}
    return list(describe_weights(SimpleNamespace(params=params)).values())


def pixels(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB"))


def test_filters_on_images_are_drawn_in_colour_side_by_side():
    weights = np.zeros((2, 3, 3, 3))
    weights[0, 2], weights[1, 0] = 1, 1  # the channels are B G R: red, then blue
    image = pixels(describe(weights)[0]["filters"])
    assert image.shape == (3, 7, 3)
    assert (image[:, :3] == (255, 0, 0)).all() and (image[:, 3] == 255).all() and (image[:, 4:] == (0, 0, 255)).all()


def test_of_upsampling_the_kernel_of_each_class_is_drawn_and_of_other_layers_nothing():
    upsampling = np.zeros((2, 2, 4, 4))
    upsampling[[0, 1], [0, 1]] = np.outer([0, 1, 1, 0], [0, 1, 1, 0])
    ones = np.ones((2, 2, 4, 4))
    first, second, third = describe(np.ones((4, 5)), upsampling, ones)
    assert first["filters"] == third["filters"] == ""
    image = pixels(second["filters"])
    assert image.shape == (4, 9, 3) and image[1, 1].tolist() == [255] * 3 and image[0, 0].tolist() == [0] * 3


@pytest.mark.parametrize("values", [[-1.0, 0, 3, 3], [2.0, 2, 2, 2]])
def test_a_histogram_counts_every_finite_weight(values):
    histogram = describe([*values, np.nan, np.inf])[0]["histogram"]
    assert sum(histogram["counts"]) == 4 and len(histogram["counts"]) == BINS and histogram["other"] == 2
    assert histogram["low"] == min(values) and histogram["high"] == max(values)
    assert histogram["mean"] == pytest.approx(np.mean(values)) and histogram["zeros"] == values.count(0)
