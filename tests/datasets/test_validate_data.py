"""Every image of a split is read once, and every error is reported."""

import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from fcn_repro import datasets
from fcn_repro.datasets.data_set import LayerSpec
from fcn_repro.datasets.validate_data import SplitReport, find_shared_images, find_suspicions, validate_split
from fcn_repro.errors import DataError
from tests.fixtures.dataset_trees import SIZES, make_label, write_label_png


@pytest.fixture
def spec(voc_dir):
    datasets.register()
    params = {"voc_dir": str(voc_dir), "split": "seg11valid", "mean": (0, 0, 0)}
    return LayerSpec("voc_layers", "VOCSegDataLayer", params)


def test_counts_the_pixels_of_every_label(spec):
    found = validate_split(spec)
    expected = sum(np.bincount(make_label(item, void=True).ravel(), minlength=256) for item in SIZES)
    assert found.images == 3 and found.errors == ()
    np.testing.assert_array_equal(found.pixels, [expected])


def test_reports_every_error_and_continues(spec, voc_dir):
    (voc_dir / "JPEGImages" / "2007_000033.jpg").unlink()
    (voc_dir / "SegmentationClass" / "2007_000061.png").write_bytes(b"")
    found = validate_split(spec)
    assert [fault.split(":")[0].split("/")[-1] for fault in found.errors] == ["2007_000033.jpg", "2007_000061.png"]
    np.testing.assert_array_equal(found.pixels[0], np.bincount(make_label("2007_000042", True).ravel(), minlength=256))


def test_refuses_a_split_without_a_list(spec, voc_dir):
    (voc_dir / "ImageSets" / "Segmentation" / "seg11valid.txt").unlink()
    with pytest.raises(DataError, match="seg11valid.txt: missing"):
        validate_split(spec)


def test_the_program_prints_errors_and_fix_and_exits_with_3(voc_dir, tmp_path, repository_path):
    (voc_dir / "JPEGImages" / "2007_000033.jpg").unlink()
    command = [sys.executable, "-m", "tools.validate_data", "voc", "--split", "val"]
    run = subprocess.run(command, cwd=str(tmp_path), env=repository_path, capture_output=True, text=True)
    assert run.returncode == 3, run.stderr
    assert "val: 3 images, 1 invalid" in run.stdout
    assert "15 person" in run.stdout and "255 void" in run.stdout
    assert "2007_000033.jpg: missing" in run.stderr and "make data-voc" in run.stderr


# ---- leaks and suspicions


def test_counts_the_images_that_have_a_label(spec):
    expected = sum((np.bincount(make_label(item, void=True).ravel(), minlength=256) > 0).astype(int) for item in SIZES)
    np.testing.assert_array_equal(validate_split(spec).images_with, [expected])


def test_an_image_in_both_splits_is_found_under_any_name(spec, voc_dir):
    val = validate_split(spec)
    (voc_dir / "JPEGImages" / "2007_000033.jpg").rename(voc_dir / "JPEGImages" / "other.jpg")
    (voc_dir / "SegmentationClass" / "2007_000033.png").rename(voc_dir / "SegmentationClass" / "other.png")
    (voc_dir / "ImageSets" / "Segmentation" / "seg11valid.txt").write_text("other\n")
    assert find_shared_images(validate_split(spec), val) == [("other", "2007_000033")]


def found(strange=(), present=(), **counts):
    """An inspection of label maps that hold these labels in so many pixels; `present` is in invalid ones."""
    pixels = np.zeros((1, 256), int)
    for name, count in counts.items():
        pixels[0, int(name[1:])] = count
    return SplitReport(9, (), frozenset(strange), pixels, pixels > 0, {}, frozenset(present))


THREE = replace(datasets.DATASETS["voc"], class_names=("ground", "cat", "dog"))


@pytest.mark.parametrize(
    ("inspection", "suspicion"),
    [
        (found(_0=50, _1=30, _2=20), None),
        (found(_0=50, _1=30, _2=20, _255=40), None),
        (found(_1=9, _2=9, strange=[3]), "labels of 3, one beyond the last class: they seem to count from 1"),
        (found(_1=9, strange=[3]), r"Then: --values 1-3(\n|$)"),
        (found(strange=[3], present=[0, 1, 3]), "is it void. Then: --void 3. Or is 0 void.*: --values 1-3 --void 0"),
        (found(_0=9, _1=9, _2=9, strange=[3], present=[3]), "is it void. Then: --void 3"),
        (found(_0=9, strange=[127, 200]), "labels of 127, 200 are no classes; convert grey levels"),
        (found(_0=50, _1=30, _2=20, _255=300), r"75% of the pixels are void \(255\): training and scoring ignore"),
        (found(_0=90, _255=10), r"only one class besides void \(255\): is 255 meant to be a class"),
        (found(_0=50, _1=50), "2 dog has no pixels"),
        (found(_0=500_000, _1=500_000, _2=7), "2 dog has 7e-06 of the labelled pixels"),
    ],
)
def test_probable_mistakes_are_suspicious(inspection, suspicion):
    printed = "\n".join(find_suspicions(inspection, THREE))
    assert re.search(suspicion, printed) if suspicion else not printed


def test_values_of_invalid_label_maps_are_collected(spec, voc_dir):
    path = voc_dir / "SegmentationClass" / "2007_000033.png"
    label_hw = make_label("2007_000033", void=False)
    write_label_png(path, np.where(label_hw == 5, 21, label_hw).astype(np.uint8))
    report = validate_split(spec)
    assert report.unknown == {21} and report.present == set(range(22)) - {5}


def test_counts_the_labelled_pixels_of_the_images_with_a_label(spec):
    labels = [make_label(item, void=True) for item in SIZES]
    expected = [sum((each != 255).sum() for each in labels if (each == label).any()) for label in range(256)]
    np.testing.assert_array_equal(validate_split(spec).pixels_beside, [expected])
