"""Pairs of images and label maps in a folder."""

import logging
import os
import unicodedata

import pytest

from fcn_repro.datasets.user import folder_layout
from fcn_repro.datasets.user.folder_layout import find_layout, find_pairs, find_polygons
from fcn_repro.datasets.user.registry import LabelForm
from fcn_repro.errors import DataError

PLAIN = ("images", "labels", "")
VOC = ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation")


# ---- layouts


@pytest.mark.parametrize("parts", [PLAIN, VOC])
def test_both_layouts_are_known(make, parts):
    root = make(parts, ["a.jpg", "b.jpg"])
    assert list(find_pairs(find_layout(root))) == ["a", "b"] and find_layout(root).lists == root / parts[2]


def test_refuses_another_layout(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match="expected the folders images and labels, or VOC's JPEGImages and Segm"):
        find_layout(tmp_path)


# ---- pairs


def test_images_without_labels_are_left_out_and_counted(make, caplog):
    root = make(images=["a.jpg", "b.JPG", "c.png", "notes.txt"], labels=["a.png", "b.png", "d.png"])
    with caplog.at_level(logging.WARNING):
        assert sorted(find_pairs(find_layout(root))) == ["a", "b"]
    assert (
        "skipping 1 images without a label map" in caplog.text
        and "skipping 1 label maps without an image" in caplog.text
    )


def test_refuses_names_that_never_meet_and_shows_them(make):
    root = make(images=["a.jpg"], labels=["a_mask.png"])
    with pytest.raises(
        DataError, match="no image has a label map of the same name: got 1, such as a in .*, 1, such as a_mask"
    ):
        find_pairs(find_layout(root))


def test_label_maps_in_jpeg_do_not_count(make):
    with pytest.raises(DataError, match="0 in .*labels"):
        find_pairs(find_layout(make(images=["a.jpg"], labels=["a.jpg"])))


def test_refuses_two_images_of_one_name(make):
    with pytest.raises(DataError, match="a.png: same name as a.jpg"):
        find_pairs(find_layout(make(images=["a.jpg", "a.png"], labels=["a.png"])))


def test_other_folders_are_named(make, tmp_path):
    root = make(("photos", "masks/fine", ""), ["a.jpg"])
    with pytest.raises(DataError, match="got the folders masks, photos; expected .*Fix: --images FOLDER --labels FOLD"):
        find_layout(root)
    for labels in ("masks/fine", str(root / "masks" / "fine")):
        assert list(find_pairs(find_layout(root, "photos", labels))) == ["a"]
    with pytest.raises(DataError, match="expected .*photos and .*gone"):
        find_layout(root, "photos", "gone")


# ---- names


@pytest.mark.parametrize(
    "name",
    [
        "3.45.12\u202fPM",
        "\u5199\u771f\u30001",
        "\U0001f468\u200d\U0001f469",
        "x ",
        " x",
        "a\tb",
        "a\nb",
        'a"b',
        "caf\udce9",
        "#1",
        "a\\b",
    ],
)
def test_any_name_that_the_file_system_has_is_paired(make, name):
    assert list(find_pairs(find_layout(make(images=[f"{name}.jpg"], labels=[f"{name}.png"])))) == [name]


def test_normal_forms_of_accented_letters_meet(make):
    nfc = unicodedata.normalize("NFC", "caf\u00e9")
    nfd = unicodedata.normalize("NFD", nfc)
    root = make(images=[f"{nfd}.jpg"], labels=[f"{nfc}.png"])
    (image,) = find_pairs(find_layout(root)).items()
    assert image == (nfc, root / "images" / f"{nfd}.jpg") and image[1].is_file()


def test_linked_folders_are_entered_and_circles_are_not(make, tmp_path):
    root = make(images=["a.jpg"])
    for split in ("train", "val"):
        for part in ("images", "labels"):
            os.rename(root / part, tmp_path / f"{split}_{part}") if split == "train" else None
            (root / part).mkdir(exist_ok=True)
            os.symlink(tmp_path / f"train_{part}", root / part / split)
    os.symlink(root / "images", root / "images" / "again")
    os.symlink("nowhere", root / "images" / "broken.jpg")
    assert list(find_pairs(find_layout(root))) == ["train/a", "val/a"]


def test_endings_are_cut_off_and_other_files_skipped(make):
    names = ("1_gtFine_labelIds.png", "1_gtFine_color.png", "1_gtFine_instanceIds.png")
    root = make(images=["t/1_leftImg8bit.png"], labels=[f"t/{name}" for name in names])
    fix = r"Fix: --image-ending=_leftImg8bit --label-ending=_gtFine_\w+"
    with pytest.raises(DataError, match=fix):
        find_pairs(find_layout(root))
    layout = find_layout(root, "", "", "_leftImg8bit", "_gtFine_labelIds")
    assert list(find_pairs(layout)) == ["t/1"]
    assert folder_layout.list_labels(layout, LabelForm())["t/1"].name == names[0]


# ---- forms


def test_jpeg_label_maps_count_with_a_tolerance_only(make):
    layout = find_layout(make(images=["a.jpg"], labels=["a.JPG"]))
    with pytest.raises(DataError, match="1 .jpg files there do not count, because JPEG changes labels. Fix: --tol"):
        find_pairs(layout)
    assert list(find_pairs(layout, LabelForm(tolerance=9))) == ["a"]


def test_mat_files_count_with_the_name_of_their_variable(make):
    layout = find_layout(make(images=["a.jpg"], labels=["a.mat"]))
    with pytest.raises(DataError, match="Fix: --mat-field NAME"):
        find_pairs(layout)
    assert list(find_pairs(layout, LabelForm(mat_field="S"))) == ["a"]


@pytest.mark.parametrize(
    ("labels", "is_shared", "expected"), [("a.json", False, True), ("a.png", False, False), ("a.json", True, True)]
)
def test_polygons_are_found_where_there_are_no_label_maps(make, labels, is_shared, expected):
    root = make(images=["a.png"], labels=[labels])
    if is_shared:  # labelme's files beside the images
        os.rename(root / "labels" / "a.json", root / "images" / "a.json")
    layout = find_layout(root, "images", "images" if is_shared else "labels")
    form = find_polygons(layout, LabelForm())
    assert form.polygons is expected and list(find_pairs(layout, form)) == ["a"]
