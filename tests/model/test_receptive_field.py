from types import SimpleNamespace

import pytest

from fcn_repro.engine import caffe
from fcn_repro.model.receptive_field import Grid, derivations, grids, padding, smallest
from nets import build

DATA = SimpleNamespace(inputs={"data": 3}, heads={"label": range(21)}, class_names=range(21), void=255)


def deploy(net: str):
    return build(net, "deploy", DATA)


# First cell, spacing and receptive field, from the paper's Table 1 and from arithmetic on paper.
@pytest.mark.parametrize(
    ("net", "blob", "grid"),
    [
        ("vgg16-8s", "data", Grid(0, 1, 1)),
        ("vgg16-8s", "conv1_1", Grid(-99, 1, 3)),
        ("vgg16-8s", "pool3", Grid(-95.5, 8, 44)),
        ("vgg16-8s", "pool4", Grid(-91.5, 16, 100)),
        ("vgg16-8s", "fc7", Grid(12.5, 32, 404)),
        ("vgg16-8s", "score", Grid(0, 1, 404 + 32 + 16 + 8)),
        ("alexnet-32s", "fc7", Grid(13, 32, 355)),
        ("googlenet-32s", "inception_5b/output", Grid(30, 32, 715)),
        ("googlenet-8s", "inception_3b/output", Grid(6, 8, 91)),
        ("googlenet-fcn", "pool5/7x7_s1", Grid(30 + 3 * 32, 32, 907)),
    ],
)
def test_cells_lie_where_they_must(net: str, blob: str, grid: Grid):
    assert grids(deploy(net))[blob] == grid


@pytest.mark.parametrize(
    "net", ["vgg16-32s", "vgg16-16s", "vgg16-8s", "vgg16-8s-atonce", "alexnet-32s", "googlenet-8s"]
)
def test_scores_lie_on_the_pixels(net: str):
    score = grids(deploy(net))["score"]
    assert (score.first, score.spacing) == (0, 1)


def test_what_is_added_lies_on_each_other():
    for net in ("vgg16-8s", "googlenet-8s"):
        message = deploy(net)
        at = grids(message)
        for layer in message.layer:
            if layer.type == "Eltwise":
                places = {(at[bottom].first, at[bottom].spacing) for bottom in layer.bottom}
                assert len(places) == 1, layer.name


def test_fully_connected_layers_have_no_grid():
    at = grids(deploy("mini-vgg16"))
    assert "pool5" in at
    assert not {"fc6", "fc7", "fc8", "prob"} & set(at)


def test_derivations_end_in_the_numbers_that_the_prototxt_has():
    paragraphs = "\n".join(derivations(deploy("vgg16-32s")))
    assert paragraphs == (
        "upscore: kernel 64, stride 32\n"
        "    score_fr has a cell every 32 pixels, the first at pixel 12.5.\n"
        "    The centre of 64 cells is (64 - 1) / 2 = 31.5; new ones are 1 apart:\n"
        "    12.5 - 31.5 x 1 = -19 is where the first one lies.\n"
        "score: offset 19\n"
        "    The first cell of upscore lies at pixel -19, that of data at 0,\n"
        "    cells are 1 apart: (0 + 19) / 1 = 19."
    )


def test_padding_is_what_lets_one_pixel_through():
    told = padding(deploy("vgg16-8s"))
    assert told is not None and told.startswith("conv1_1: pad 100\n")
    assert "pad of 1 the least image that leaves every layer a cell has 193 pixels\n    to a side" in told
    assert "with 100 it has 1. One pixel needs 193 + 2 x 1 - 1 = 194 around it, 97 on each side" in told


def test_the_least_image_is_the_least_that_the_engine_takes(tmp_path):
    message = deploy("mini-vgg16-fcn")
    least = smallest(message)
    (tmp_path / "net.prototxt").write_text(str(message))
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    net.blobs["data"].reshape(1, 3, least, least)
    net.reshape()
    net.blobs["data"].reshape(1, 3, least - 1, least - 1)
    with pytest.raises(RuntimeError):
        net.reshape()


def test_nets_that_pad_as_classifiers_do_have_nothing_to_explain():
    assert padding(deploy("googlenet-8s")) is None
