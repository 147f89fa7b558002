"""Splits of a user's data set, from lists, folders or hashes."""

import hashlib
import logging

import pytest

from fcn_repro.datasets.file_readers import format_id
from fcn_repro.datasets.user.folder_layout import find_layout, find_pairs
from fcn_repro.datasets.user.split_lists import find_splits
from fcn_repro.errors import DataError


def splits(root):
    layout = find_layout(root)
    return {split: list(items) for split, items in find_splits(layout, find_pairs(layout)).items()}


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


def test_images_outside_of_train_and_val_are_skipped_and_counted(make, caplog):
    with caplog.at_level(logging.WARNING):
        found = splits(make(images=["train/a.jpg", "val/b.jpg", "test/c.jpg", "d.jpg"]))
    assert found == {"train": ["train/a"], "val": ["val/b"]}
    assert "skipping 2 images outside of the folders train and val" in caplog.text


# ---- lists of other programs


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "{}.jpg",
        "./{}",
        "/{}.jpg",
        "images/{}.jpg",
        "/images/{}.jpg",
        "/home/me/set/images/{}.jpg",
        "../set/images/{}.jpg",
        "images\\{}.jpg",
        "C:\\set\\images\\{}.jpg",
        "images/{}.jpg labels/{}.png",
        "/images/{}.jpg /labels/{}.png",
        "images/{}.jpg,labels/{}.png",
        "images/{}.jpg\t/somewhere/labels/{}.png",
        "{} 1",
        "{}  1",
        "{} -1",
        '"{}"',
    ],
)
def test_lines_of_other_programs_mean_their_image(make, line):
    lines = {item: line.replace("{}", item) for item in ("a 1", "b", "c")}
    root = make(images=["a 1.jpg", "b.jpg", "c.jpg"], train=[lines["a 1"], lines["b"]], val=[lines["c"]])
    assert splits(root) == {"train": ["a 1", "b"], "val": ["c"]}


def test_a_byte_order_mark_and_crlf_belong_to_no_name(make):
    root = make(images=["a.jpg", "b.jpg"])
    for split, item in (("train", "a"), ("val", "b")):
        (root / f"{split}.txt").write_bytes(b"\xef\xbb\xbf" + item.encode() + b"\r\n\r\n")
    assert splits(root) == {"train": ["a"], "val": ["b"]}


def test_flags_are_ignored_and_counted(make, caplog):
    with caplog.at_level(logging.WARNING):
        splits(make(images=["a.jpg", "b.jpg"], train=["a -1"], val=["b 1"]))
    assert "train.txt: ignoring the flags in 1 lines" in caplog.text


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("images/a.jpg labels/b.png", "got the label map labels/b.png for a; expected the label map of the same name"),
        ("test/a.jpg", "got test/a.jpg; expected an image with a label map"),
        ("a 2", "got a 2; expected an image with a label map .*, one image id a line"),
    ],
)
def test_lines_of_another_meaning_are_refused(make, line, complaint):
    with pytest.raises(DataError, match=complaint):
        splits(make(images=["a.jpg", "b.jpg", "c.jpg"], train=[line], val=["c"]))


@pytest.mark.parametrize("name", ["x ", "\u30001", "caf\udce9", "a\nb", '"q"', "a\\b", "a 1"])
def test_lists_that_this_project_writes_name_any_image(make, name):
    root = make(images=[f"{name}.jpg", "b.jpg"], train=[format_id(name)], val=["b"])
    assert splits(root) == {"train": [name], "val": ["b"]}
