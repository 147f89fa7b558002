"""What all data layers share: order, position, param_str."""

import json

import numpy as np
import pytest

from fcn_repro.errors import DataError
from tests.fixtures.dataset_trees import MEAN, SIZES, write_list

LISTS = "ImageSets/Segmentation"


def serve_indices(net, times):
    return [(net.layers[0].index, net.forward())[0] for _ in range(times)]


@pytest.mark.parametrize(
    "images, drawn",
    [
        *((8498, [5249, 4531, 3108, 4978, 1408]), (795, [491, 423, 290, 465, 131])),
        *((2486, [1535, 1325, 909, 1456, 411]), (4998, [3087, 2665, 1828, 2927, 828])),
    ],
)
def test_draws_the_indices_that_cpython_2_7_drew(voc_dir, voc_net, images, drawn):
    write_list(voc_dir / LISTS / "train.txt", [next(iter(SIZES))] * images)
    assert serve_indices(voc_net(), 5) == drawn


def test_one_forward_consumes_one_image_however_often_the_net_is_reshaped(voc_net):
    net = voc_net("val")
    for _ in range(4):
        net.reshape()
    net.forward()
    assert net.blobs["label"].data.shape[2:] == SIZES["2007_000033"]
    assert net.layers[0].index == 1


def test_two_training_layers_have_separate_generators(voc_net):
    expected = serve_indices(voc_net(), 10)
    first = voc_net()
    served = []
    for _ in range(10):
        served += serve_indices(first, 1)
        voc_net()  # seeds its own generator, and draws
    assert served == expected


@pytest.mark.parametrize("options", [{}, {"mirror": True, "jitter": 4, "keep": 0.5, "cells": (8, 3.5)}])
def test_a_layer_continues_from_the_position_of_another(voc_net, serve, options):
    first = voc_net(**options)
    serve(first, 7)
    position = json.loads(json.dumps(first.layers[0].position()))
    second = voc_net(**{**options, "seed": 99})
    second.layers[0].seek(position)
    for arrays, again in zip(serve(first, 20), serve(second, 20), strict=True):
        assert all(map(np.array_equal, arrays, again))


def test_refuses_a_position_in_a_list_that_has_changed(voc_dir, voc_net):
    position = voc_net().layers[0].position()
    write_list(voc_dir / LISTS / "train.txt", ["2007_000033"])
    with pytest.raises(DataError, match=r"train.txt: got 1 images; expected 3, as in the saved position"):
        voc_net().layers[0].seek(position)


def test_reports_a_damaged_item_when_its_turn_comes(voc_dir, voc_net):
    (voc_dir / "SegmentationClass" / "2007_000042.png").unlink()
    net = voc_net("val")
    net.forward()
    with pytest.raises(DataError, match=r"SegmentationClass/2007_000042.png: missing"):
        net.forward()


def test_keeps_every_line_of_a_list_that_repeats_an_image(voc_dir, voc_net):
    write_list(voc_dir / LISTS / "val.txt", ["2007_000061"] * 2)
    assert voc_net("val").layers[0].items == ("2007_000061",) * 2


@pytest.mark.parametrize(
    "params, tops, message",
    [
        ({"voc_dir": ".", "mean": MEAN}, "data label", "lacks split"),
        ({"voc_dir": ".", "split": "val", "mean": MEAN, "sead": 3}, "data label", "has an unknown key sead"),
        ("dict(split=__import__('os').getcwd())", "data label", "got param_str .*expected a dict literal"),
        (
            {"voc_dir": ".", "split": "val", "mean": MEAN},
            "data",
            "got 0 bottoms and 1 tops; expected no bottoms and 2 tops: data, label",
        ),
    ],
)
def test_refuses_a_wrong_param_str_or_number_of_tops(data_net, params, tops, message):
    with pytest.raises(ValueError, match=message):
        data_net("voc_layers", "VOCSegDataLayer", params, tops)
