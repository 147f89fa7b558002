"""What every data layer does alike: order, position, param_str."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fcn_repro.errors import DataError
from tests.fixtures.dataset_trees import SIZES, label, write_label_png, write_list, write_picture

MEAN = (104.00699, 116.66877, 122.67892)


def voc_net(data_net, voc_dir, split="train", tops="data label", **more):
    params = {"voc_dir": str(voc_dir), "split": split, "mean": MEAN, "seed": 1337, **more}
    return data_net("voc_layers", "VOCSegDataLayer", params, tops)


@pytest.mark.parametrize(
    "images, drawn",
    [
        (8498, [5249, 4531, 3108, 4978, 1408]),
        (795, [491, 423, 290, 465, 131]),
        (2486, [1535, 1325, 909, 1456, 411]),
        (4998, [3087, 2665, 1828, 2927, 828]),
    ],
)
def test_draws_the_indices_that_cpython_2_7_drew(voc_dir, data_net, images, drawn):
    item = next(iter(SIZES))
    write_list(voc_dir / "ImageSets" / "Segmentation" / "train.txt", [item] * images)
    net = voc_net(data_net, voc_dir)
    served = []
    for _ in drawn:
        served.append(net.layers[0].index)
        net.forward()
    assert served == drawn


def test_one_forward_consumes_one_image_however_often_the_net_is_reshaped(voc_dir, data_net):
    net = voc_net(data_net, voc_dir, split="val")
    for _ in range(4):
        net.reshape()
    net.forward()
    assert net.blobs["label"].data.shape[2:] == SIZES["2007_000033"]
    assert net.layers[0].index == 1


def test_two_training_layers_draw_from_generators_of_their_own(voc_dir, data_net):
    alone = voc_net(data_net, voc_dir)
    expected = [alone.forward() and alone.layers[0].index for _ in range(10)]
    first = voc_net(data_net, voc_dir)
    served = []
    for _ in range(10):
        first.forward()
        served.append(first.layers[0].index)
        voc_net(data_net, voc_dir)  # seeds anew, and draws
    assert served == expected


def test_a_layer_sent_to_a_position_goes_on_exactly_as_the_one_that_told_it(voc_dir, data_net):
    first = voc_net(data_net, voc_dir)
    for _ in range(7):
        first.forward()
    position = json.loads(json.dumps(first.layers[0].position()))
    second = voc_net(data_net, voc_dir, seed=99)
    second.layers[0].seek(position)
    for _ in range(20):
        first.forward()
        second.forward()
        np.testing.assert_array_equal(first.blobs["data"].data, second.blobs["data"].data)


def test_refuses_a_position_in_a_list_that_has_changed(voc_dir, data_net):
    net = voc_net(data_net, voc_dir)
    position = net.layers[0].position()
    write_list(voc_dir / "ImageSets" / "Segmentation" / "train.txt", ["2007_000033"])
    with pytest.raises(DataError, match=r"train.txt: 1 images; expected 3, as when the position"):
        voc_net(data_net, voc_dir).layers[0].seek(position)


def test_reports_the_item_that_is_damaged_when_its_turn_comes(voc_dir, data_net):
    (voc_dir / "SegmentationClass" / "2007_000042.png").unlink()
    net = voc_net(data_net, voc_dir, split="val")
    net.forward()
    with pytest.raises(DataError, match=r"SegmentationClass/2007_000042.png: missing"):
        net.forward()


def test_reads_every_image_of_a_split_that_names_it_twice(voc_dir, data_net):
    write_picture(voc_dir / "JPEGImages" / "a.jpg", "2007_000061")
    write_label_png(voc_dir / "SegmentationClass" / "a.png", label("2007_000061", void=False))
    write_list(voc_dir / "ImageSets" / "Segmentation" / "val.txt", ["a", "a"])
    net = voc_net(data_net, voc_dir, split="val")
    assert net.layers[0].items == ("a", "a")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"split": None}, "lacks split"),
        ({"sead": 3}, "has an unknown key sead"),
    ],
)
def test_refuses_param_str_with_missing_or_unknown_keys(voc_dir, data_net, change, message):
    params = {"voc_dir": str(voc_dir), "split": "val", "mean": MEAN, **change}
    params = {key: value for key, value in params.items() if value is not None}
    with pytest.raises(ValueError, match=message):
        data_net("voc_layers", "VOCSegDataLayer", params)


def test_refuses_param_str_that_is_code(data_net):
    with pytest.raises(ValueError, match="param_str is .*expected a dict literal"):
        data_net("voc_layers", "VOCSegDataLayer", "dict(split=__import__('os').getcwd())")


def test_refuses_a_wrong_number_of_tops_and_names_them(voc_dir, data_net):
    with pytest.raises(ValueError, match="0 bottoms and 1 tops; expected no bottoms and 2 tops: data, label"):
        voc_net(data_net, voc_dir, tops="data")
