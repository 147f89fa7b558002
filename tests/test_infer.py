import numpy as np
import pytest
from PIL import Image

from fcn_repro.engine import caffe
from fcn_repro.infer import infer

MEAN_BGR = (104.00699, 116.66877, 122.67892)

# Channel i of `score` is channel i of the image, so the label is the channel that exceeds its mean most.
DEPLOY = """
layer { name: "input" type: "Input" top: "data" input_param { shape { dim: [1, 3, 500, 500] } } }
layer { name: "score" type: "Power" bottom: "data" top: "score" }
"""


@pytest.fixture
def net(tmp_path):
    (tmp_path / "deploy.prototxt").write_text(DEPLOY)
    return caffe.Net(str(tmp_path / "deploy.prototxt"), caffe.TEST)


@pytest.mark.parametrize("colour, label", [((0, 0, 255), 0), ((0, 255, 0), 1), ((255, 0, 0), 2)])
def test_channels_reach_the_net_in_the_order_blue_green_red(net, colour, label):
    assert (infer(net, Image.new("RGB", (5, 4), colour), MEAN_BGR) == label).all()


def test_the_mean_is_subtracted(net):
    # 10 below the mean of red, 5 below that of green, 20 below that of blue.
    assert (infer(net, Image.new("RGB", (5, 4), (112, 112, 84)), MEAN_BGR) == 1).all()


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (60, 40)])
def test_the_label_map_has_the_images_size(net, size):
    assert infer(net, Image.new("RGB", size), MEAN_BGR).shape == size[::-1]


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "CMYK"])
def test_any_kind_of_image_is_taken_as_colours(net, mode):
    assert infer(net, Image.new(mode, (3, 2)), MEAN_BGR).shape == (2, 3)


def test_pixels_are_labelled_where_they_are(net):
    image = Image.new("RGB", (3, 2), (0, 0, 255))
    image.putpixel((2, 0), (255, 0, 0))
    assert np.array_equal(infer(net, image, MEAN_BGR), [[0, 0, 2], [0, 0, 0]])
