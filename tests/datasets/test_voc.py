"""The VOC and SBD layers on stand-in trees, and VOC's facts."""

import random

import numpy as np
import pytest
from PIL import Image

from fcn_repro.datasets import DATASETS
from fcn_repro.errors import DataError
from tests.fixtures.dataset_trees import SIZES, make_label, write_label_mat, write_label_png, write_list

FACTS = DATASETS["voc"]
ITEM = "2007_000033"


@pytest.fixture
def sbd_net(data_net, sbdd_dir):
    params = {"sbdd_dir": str(sbdd_dir), "split": "train", "mean": FACTS.mean_bgr, "seed": 1337}
    return lambda: data_net("voc_layers", "SBDDSegDataLayer", params)


def expected_data(image_path):
    """The reference's preprocessing, channel by channel."""
    image_rgb = np.asarray(Image.open(str(image_path)), np.float64)
    channels = [image_rgb[..., 2 - c] - FACTS.mean_bgr[c] for c in range(3)]
    return np.stack(channels)[np.newaxis].astype(np.float32)


def served_sizes(net, times):
    return [net.forward() and net.blobs["label"].data.shape[2:] for _ in range(times)]


def test_facts_are_the_papers():
    assert FACTS.splits == {"train": 8498, "seg11valid": 736}
    assert len(FACTS.class_names) == 21 and FACTS.class_names[15] == "person"
    assert FACTS.labels == (*range(21), 255)


@pytest.mark.parametrize("item", SIZES)
@pytest.mark.parametrize("is_voc", [True, False])
def test_serves_bgr_minus_mean_and_class_indices(voc_dir, sbdd_dir, voc_net, sbd_net, is_voc, item):
    write_list(voc_dir / "ImageSets" / "Segmentation" / "seg11valid.txt", [item])
    write_list(sbdd_dir / "train.txt", [item])
    net = voc_net("seg11valid") if is_voc else sbd_net()
    net.forward()
    folder = voc_dir / "JPEGImages" if is_voc else sbdd_dir / "img"
    np.testing.assert_array_equal(net.blobs["data"].data, expected_data(folder / f"{item}.jpg"))
    np.testing.assert_array_equal(net.blobs["label"].data, make_label(item, void=is_voc)[np.newaxis, np.newaxis])


@pytest.mark.parametrize("split, options", [("seg11valid", {}), ("train", {"randomize": False})])
def test_scoring_splits_and_train_without_randomize_are_served_in_file_order(voc_net, split, options):
    assert served_sizes(voc_net(split, **options), 5) == (list(SIZES.values()) * 2)[:5]


def test_training_splits_are_drawn_with_replacement_as_python_2_drew(sbd_net):
    python_2 = random.Random(1337)
    expected = [list(SIZES.values())[int(python_2.random() * 3)] for _ in range(20)]
    assert served_sizes(sbd_net(), 20) == expected
    assert len(set(expected[:3])) < 3  # an epoch's shuffle does not repeat within three


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-400])


def write_grey(path):
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(str(path))


def write_unknown_labels(path):
    label_hw = make_label(ITEM, void=True)
    label_hw[5, 5], label_hw[6, 6] = 21, 254
    write_label_png(path, label_hw)


IMAGE, LABEL = f"JPEGImages/{ITEM}.jpg", f"SegmentationClass/{ITEM}.png"
LIST = "ImageSets/Segmentation/seg11valid.txt"


@pytest.mark.parametrize(
    "name, damage, message",
    [
        (IMAGE, lambda path: path.write_bytes(b""), r"damaged, or not an image .*\n.*make data-voc"),
        (IMAGE, lambda path: path.write_bytes(b"\xff\xd8\xff\xe0 not an image"), "damaged, or not an image"),
        (IMAGE, cut_short, "damaged, or not an image"),
        (IMAGE, lambda path: path.unlink(), r"missing; expected an image\n.*make data-voc"),
        (IMAGE, write_grey, "got an image of mode L; expected RGB"),
        (LABEL, write_unknown_labels, "label value 21, 254; expected 0-20 or 255\n"),
        (
            LABEL,
            lambda path: Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(str(path)),
            r"got a label map of mode RGB; expected class indices \(mode P or L\), not colours",
        ),
        (
            LABEL,
            lambda path: write_label_png(path, np.zeros((7, 9), np.uint8)),
            "got 9 x 7 pixels; expected 30 x 20 pixels, as in its image",
        ),
        (LIST, lambda path: path.write_text("\n \n"), "empty; expected a split list, one image id a line"),
        (LIST, lambda path: path.unlink(), r"missing; expected a split list\n.*make data-voc"),
    ],
)
def test_refuses_a_damaged_file_and_names_the_fix(voc_dir, voc_net, name, damage, message):
    damage(voc_dir / name)
    with pytest.raises(DataError, match=f"{name}: {message}"):
        voc_net("seg11valid")


def test_refuses_a_mat_label_of_another_size_than_its_image(sbdd_dir, sbd_net):
    for item in SIZES:
        write_label_mat(sbdd_dir / "cls" / f"{item}.mat", np.zeros((7, 9), np.uint8))
    with pytest.raises(DataError, match=r"\.mat: got 9 x 7 pixels; expected \d+ x \d+ pixels, as in its image"):
        sbd_net()
