import numpy as np
import pytest
from PIL import Image

from fcn_repro.engine import caffe
from fcn_repro.inference import class_heatmap
from fcn_repro.model.receptive_field import Grid

# Cells of 2 x 2 pixels; their scores are the mean colours of what they show, over ten, in the order blue, green, red.
NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: [1, 3, 4, 4] } } }
layer { name: "pool" type: "Pooling" bottom: "data" top: "pool" pooling_param { pool: AVE kernel_size: 2 stride: 2 } }
layer { name: "scale" type: "Power" bottom: "pool" top: "score" power_param { scale: 0.1 } }
layer { name: "prob" type: "Softmax" bottom: "score" top: "prob" }
"""
MEAN_BGR = (10.0, 20.0, 30.0)


@pytest.fixture
def net(tmp_path):
    (tmp_path / "deploy.prototxt").write_text(NET)
    return caffe.Net(str(tmp_path / "deploy.prototxt"), caffe.TEST)


def test_a_map_is_the_probability_of_its_classes_added(net):
    random = np.random.default_rng(0)
    image_rgb = random.integers(0, 60, (6, 8, 3), dtype=np.uint8)
    cells = image_rgb[..., ::-1].reshape(3, 2, 4, 2, 3).mean(axis=(1, 3))
    odds = np.exp((cells - MEAN_BGR) / 10)
    prob = odds / odds.sum(axis=-1, keepdims=True)
    image = Image.fromarray(image_rgb)
    for classes, expected in ([2], prob[..., 2]), ([0, 2], 1 - prob[..., 1]):
        found = class_heatmap.compute_heat_map(net, image, MEAN_BGR, classes)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("classes", [[3], [-1], [0, 5]])
def test_an_unknown_class_is_refused(net, classes):
    with pytest.raises(ValueError, match=", expected 0 to 2"):
        class_heatmap.compute_heat_map(net, Image.new("RGB", (4, 4)), MEAN_BGR, classes)


def test_maps_are_exact_at_cell_centres_and_constant_beyond():
    heat = np.array([[0.0, 1.0], [2.0, 3.0]])
    pixels = class_heatmap.interpolate_to_pixels(heat, Grid(offset=2, stride=4, receptive_field=9), (9, 10))
    assert pixels.shape == (9, 10)
    assert (pixels[2, 2], pixels[2, 6], pixels[6, 2], pixels[6, 6]) == (0, 1, 2, 3)
    assert pixels[4, 4] == 1.5 and pixels[3, 5] == 1.25
    assert (pixels[:3, :3] == 0).all() and (pixels[6:, 6:] == 3).all()
    single = class_heatmap.interpolate_to_pixels(np.array([[0.5]]), Grid(12, 32, 404), (3, 5))
    assert np.array_equal(single, np.full((3, 5), 0.5))


def test_the_maximum_is_coloured_and_the_rest_grey():
    image = Image.new("RGB", (2, 1), (40, 80, 120))
    grey = image.convert("L").getpixel((0, 0))
    drawn = class_heatmap.draw_heat_map(image, np.array([[0.0, 0.2]]))
    assert drawn.getpixel((0, 0)) == (grey, grey, grey)
    assert drawn.getpixel((1, 0)) == (round(0.25 * grey + 0.75 * 255),) * 3
    zeros = class_heatmap.draw_heat_map(Image.new("RGB", (2, 1), (9, 9, 9)), np.zeros((1, 2)))
    assert zeros.getpixel((1, 0)) == (9, 9, 9)
