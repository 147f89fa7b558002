"""Pairs of images and label maps in a folder, and its splits."""

import hashlib
import logging
from pathlib import Path

import pytest

from fcn_repro.datasets.user import folder_layout
from fcn_repro.errors import DataError

PLAIN = ("images", "labels", "")
VOC = ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation")


@pytest.fixture
def make(tmp_path):
    """Makes files by name; "=" sets their content, and equal content is the same image."""

    def make(parts=PLAIN, images=(), labels=None, train=None, val=None):
        root = tmp_path / "set"
        for folder, files in ((parts[0], images), (parts[1], images if labels is None else labels)):
            (root / folder).mkdir(parents=True)
            for name in files:
                name, _, content = name.partition("=")
                path = root / folder / (name if folder == parts[0] or labels is not None else with_png(name))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content or name)
        (root / parts[2]).mkdir(parents=True, exist_ok=True)
        for split, lines in (("train", train), ("val", val)):
            if lines is not None:
                (root / parts[2] / f"{split}.txt").write_text("".join(f"{line}\n" for line in lines))
        return root

    return make


def with_png(name: str) -> str:
    return Path(name).with_suffix(".png").as_posix()


def splits(root):
    found = folder_layout.find_layout(root)
    return {
        split: list(items) for split, items in folder_layout.find_splits(found, folder_layout.find_pairs(found)).items()
    }


# ---- layouts


@pytest.mark.parametrize("parts", [PLAIN, VOC])
def test_both_layouts_are_known(make, parts):
    root = make(parts, ["a.jpg", "b.jpg"], train=["a"], val=["b"])
    assert splits(root) == {"train": ["a"], "val": ["b"]}


def test_refuses_another_layout(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match="expected the folders images and labels, or VOC's JPEGImages and Segm"):
        folder_layout.find_layout(tmp_path)


# ---- pairs


def test_images_without_labels_are_left_out_and_counted(make, caplog):
    root = make(images=["a.jpg", "b.JPG", "c.png", "notes.txt"], labels=["a.png", "b.png", "d.png"])
    with caplog.at_level(logging.WARNING):
        assert sorted(folder_layout.find_pairs(folder_layout.find_layout(root))) == ["a", "b"]
    assert (
        "skipping 1 images without a label map" in caplog.text
        and "skipping 1 label maps without an image" in caplog.text
    )


def test_refuses_names_that_never_meet_and_shows_them(make):
    root = make(images=["a.jpg"], labels=["a_mask.png"])
    with pytest.raises(
        DataError, match="no image has a label map of the same name: got 1, such as a in .*, 1, such as a_mask"
    ):
        folder_layout.find_pairs(folder_layout.find_layout(root))


def test_label_maps_in_jpeg_do_not_count(make):
    with pytest.raises(DataError, match="0 in .*labels"):
        folder_layout.find_pairs(folder_layout.find_layout(make(images=["a.jpg"], labels=["a.jpg"])))


def test_refuses_two_images_of_one_name(make):
    with pytest.raises(DataError, match="a.png: same name as a.jpg"):
        folder_layout.find_pairs(folder_layout.find_layout(make(images=["a.jpg", "a.png"], labels=["a.png"])))


# ---- splits


def test_lists_may_have_endings_and_dots(make):
    root = make(images=["a.1.jpg", "b.2.jpg"], labels=["a.1.png", "b.2.png"], train=["a.1.jpg"], val=["b.2"])
    assert splits(root) == {"train": ["a.1"], "val": ["b.2"]}


def test_folders_train_and_val_are_splits(make):
    assert splits(make(images=["train/a.jpg", "val/a.jpg", "train/b.jpg"])) == {
        "train": ["train/a", "train/b"],
        "val": ["val/a"],
    }


def test_a_fifth_becomes_val_without_lists(make):
    names = [f"{n:02}" for n in range(25)]
    found = splits(make(images=[f"{name}.jpg" for name in names]))
    assert sorted(found["train"] + found["val"]) == names
    by_content = sorted(names, key=lambda name: hashlib.sha256(f"{name}.jpg".encode()).hexdigest())
    assert set(found["val"]) == set(by_content[:5])


def test_made_splits_do_not_depend_on_names(make, tmp_path):
    one = splits(make(images=[f"{n}.jpg=content {n}" for n in range(10)]))
    (tmp_path / "set").rename(tmp_path / "before")
    other = splits(make(images=[f"{9 - n}.jpg=content {n}" for n in range(10)]))
    assert {9 - int(name) for name in other["val"]} == {int(name) for name in one["val"]}


def test_the_same_image_twice_is_on_one_side(make):
    found = splits(make(images=[f"{n}.jpg=content {n // 2}" for n in range(20)]))
    assert len(found["val"]) == 4
    assert {int(name) // 2 for name in found["val"]}.isdisjoint(int(name) // 2 for name in found["train"])


def test_refuses_a_single_image(make):
    with pytest.raises(DataError, match="got 1 different image; expected at least two"):
        splits(make(images=["a.jpg=same", "b.jpg=same"]))


def test_refuses_an_image_in_both_lists(make):
    root = make(images=["a.jpg", "b.jpg"], train=["a", "b"], val=["b"])
    with pytest.raises(DataError, match="b in train and b in val are the same image \\(1 such images\\)"):
        splits(root)


def test_refuses_an_image_that_is_in_the_other_list_under_another_name(make):
    root = make(images=["a.jpg=same", "b.jpg=same", "c.jpg"], train=["a", "c"], val=["b"])
    with pytest.raises(DataError, match="a in train and b in val are the same image"):
        splits(root)


def test_refuses_one_list_alone(make):
    with pytest.raises(DataError, match="val.txt: missing; expected a split list"):
        splits(make(images=["a.jpg", "b.jpg"], train=["a"]))


def test_refuses_a_line_without_image(make):
    root = make(images=["a.jpg", "b.jpg"], train=["a", "x", "y"], val=["b"])
    with pytest.raises(DataError, match=r"train.txt: got x; expected an image with a label map \(2 such lines\)"):
        splits(root)


# ---- classes


def test_classes_are_lines(tmp_path):
    (tmp_path / "classes.txt").write_text("background\nred car\n\nhaus\n")
    assert folder_layout.read_classes(tmp_path / "classes.txt") == ("background", "red car", "haus")


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["a"], "got 1 classes; expected 2 to 255"),
        ([*"aba"], "got 'a' twice"),
        (map(str, range(256)), "got 256 classes"),
    ],
)
def test_refuses_lists_that_cannot_be_labels(tmp_path, lines, complaint):
    (tmp_path / "classes.txt").write_text("\n".join(lines))
    with pytest.raises(DataError, match=complaint):
        folder_layout.read_classes(tmp_path / "classes.txt")
