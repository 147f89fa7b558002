"""The VOC and SBD layers on stand-in trees, and VOC's facts."""

from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image

from fcn_repro.datasets import DATASETS
from fcn_repro.errors import DataError
from tests.fixtures.dataset_trees import SIZES, label, write_label_mat, write_label_png, write_list

FACTS = DATASETS["voc"]


def voc_params(voc_dir, **more):
    return {"voc_dir": str(voc_dir), "split": "seg11valid", "mean": FACTS.mean_bgr, "seed": 1337, **more}


def sbd_params(sbdd_dir, **more):
    return {"sbdd_dir": str(sbdd_dir), "split": "train", "mean": FACTS.mean_bgr, "seed": 1337, **more}


def expected_data(image_path):
    """The reference's preprocessing, written out channel by channel."""
    image_rgb = np.asarray(Image.open(str(image_path)), np.float64)
    channels = [image_rgb[..., 2 - c] - FACTS.mean_bgr[c] for c in range(3)]
    return np.stack(channels)[np.newaxis].astype(np.float32)


def test_facts_are_the_papers():
    assert FACTS.splits == {"train": 8498, "seg11valid": 736}
    assert len(FACTS.class_names) == 21 and FACTS.class_names[15] == "person"
    assert FACTS.labels == (*range(21), 255)


@pytest.mark.parametrize("item", SIZES)
def test_voc_serves_bgr_minus_mean_and_palette_indices(voc_dir, data_net, item):
    write_list(voc_dir / "ImageSets" / "Segmentation" / "seg11valid.txt", [item])
    net = data_net("voc_layers", "VOCSegDataLayer", voc_params(voc_dir))
    net.forward()
    assert net.blobs["data"].data.shape == (1, 3, *SIZES[item])
    np.testing.assert_array_equal(net.blobs["data"].data, expected_data(voc_dir / "JPEGImages" / f"{item}.jpg"))
    np.testing.assert_array_equal(net.blobs["label"].data, label(item, void=True)[np.newaxis, np.newaxis])


@pytest.mark.parametrize("item", SIZES)
def test_sbd_serves_bgr_minus_mean_and_the_mats_segmentation(sbdd_dir, data_net, item):
    write_list(sbdd_dir / "train.txt", [item])
    net = data_net("voc_layers", "SBDDSegDataLayer", sbd_params(sbdd_dir))
    net.forward()
    np.testing.assert_array_equal(net.blobs["data"].data, expected_data(sbdd_dir / "img" / f"{item}.jpg"))
    np.testing.assert_array_equal(net.blobs["label"].data, label(item, void=False)[np.newaxis, np.newaxis])


def test_scoring_splits_are_served_in_file_order_and_wrap_around(voc_dir, data_net):
    net = data_net("voc_layers", "VOCSegDataLayer", voc_params(voc_dir))
    shapes = [net.forward() and net.blobs["label"].data.shape[2:] for _ in range(5)]
    assert shapes == [SIZES[item] for item in (list(SIZES) * 2)[:5]]


def test_training_splits_are_drawn_with_replacement_as_python_2_drew(sbdd_dir, data_net):
    net = data_net("voc_layers", "SBDDSegDataLayer", sbd_params(sbdd_dir))
    python_2 = random.Random(1337)
    expected = [list(SIZES.values())[int(python_2.random() * 3)] for _ in range(20)]
    assert [net.forward() and net.blobs["label"].data.shape[2:] for _ in range(20)] == expected
    assert len(set(expected[:3])) < 3  # an epoch's shuffle would not repeat within three


def test_training_splits_are_served_in_file_order_when_not_randomized(voc_dir, data_net):
    net = data_net("voc_layers", "VOCSegDataLayer", voc_params(voc_dir, split="train", randomize=False))
    assert [net.forward() and net.blobs["label"].data.shape[2:] for _ in range(3)] == list(SIZES.values())


@pytest.mark.parametrize("ruin", [b"", b"\xff\xd8\xff\xe0 not a photograph", None])
def test_refuses_a_damaged_photograph(voc_dir, data_net, ruin):
    path = voc_dir / "JPEGImages" / "2007_000033.jpg"
    path.write_bytes(path.read_bytes()[:-400] if ruin is None else ruin)
    with pytest.raises(DataError, match=r"2007_000033.jpg: damaged, or not a picture .*\n.*make data-voc"):
        data_net("voc_layers", "VOCSegDataLayer", voc_params(voc_dir))


def test_refuses_a_missing_photograph(sbdd_dir, data_net):
    (sbdd_dir / "img" / "2007_000042.jpg").unlink()
    write_list(sbdd_dir / "train.txt", ["2007_000042"])
    with pytest.raises(DataError, match=r"img/2007_000042.jpg: missing; expected a picture\n.*make data-voc"):
        data_net("voc_layers", "SBDDSegDataLayer", sbd_params(sbdd_dir))


def test_refuses_a_grey_photograph(voc_dir, data_net):
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(str(voc_dir / "JPEGImages" / "2007_000033.jpg"))
    with pytest.raises(DataError, match="2007_000033.jpg: image of mode L; expected RGB"):
        data_net("voc_layers", "VOCSegDataLayer", voc_params(voc_dir))


def test_refuses_label_values_that_are_neither_class_nor_void(voc_dir, data_net):
    strange = label("2007_000033", void=True)
    strange[5, 5], strange[6, 6] = 21, 254
    write_label_png(voc_dir / "SegmentationClass" / "2007_000033.png", strange)
    with pytest.raises(DataError, match="2007_000033.png: label value 21, 254; expected 0-20 or 255\n"):
        data_net("voc_layers", "VOCSegDataLayer", voc_params(voc_dir))


def test_refuses_labels_painted_in_colours(voc_dir, data_net):
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(str(voc_dir / "SegmentationClass" / "2007_000033.png"))
    with pytest.raises(DataError, match="label map of mode RGB; expected class indices, mode P or L, not colours"):
        data_net("voc_layers", "VOCSegDataLayer", voc_params(voc_dir))


def test_refuses_a_label_of_another_size_than_its_image(sbdd_dir, data_net):
    for item in SIZES:
        write_label_mat(sbdd_dir / "cls" / f"{item}.mat", np.zeros((7, 9), np.uint8))
    with pytest.raises(DataError, match=r"\.mat: label map of 9 x 7 pixels; expected its image's \d+ x \d+ pixels"):
        data_net("voc_layers", "SBDDSegDataLayer", sbd_params(sbdd_dir))


def test_refuses_a_missing_or_empty_split_list(voc_dir, data_net):
    path = voc_dir / "ImageSets" / "Segmentation" / "seg11valid.txt"
    path.write_text("\n \n")
    with pytest.raises(DataError, match="seg11valid.txt: empty; expected a split list, one image id a line"):
        data_net("voc_layers", "VOCSegDataLayer", voc_params(voc_dir))
    path.unlink()
    with pytest.raises(DataError, match=r"seg11valid.txt: missing; expected a split list\n.*make data-voc"):
        data_net("voc_layers", "VOCSegDataLayer", voc_params(voc_dir))
