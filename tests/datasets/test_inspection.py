"""Every image of a split is read once, and every fault is told."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from trees import SIZES, label

from fcn_repro import datasets
from fcn_repro.datasets.base import DataLayer
from fcn_repro.datasets.inspection import inspect
from fcn_repro.errors import DataError


@pytest.fixture
def spec(voc_dir):
    datasets.register()
    params = {"voc_dir": str(voc_dir), "split": "seg11valid", "mean": (0, 0, 0)}
    return DataLayer("voc_layers", "VOCSegDataLayer", params)


def test_counts_the_pixels_of_every_label(spec):
    found = inspect(spec)
    expected = sum(np.bincount(label(item, void=True).ravel(), minlength=256) for item in SIZES)
    assert found.images == 3 and found.faults == ()
    np.testing.assert_array_equal(found.pixels, [expected])


def test_tells_every_fault_and_goes_on(spec, voc_dir):
    (voc_dir / "JPEGImages" / "2007_000033.jpg").unlink()
    (voc_dir / "SegmentationClass" / "2007_000061.png").write_bytes(b"")
    found = inspect(spec)
    assert [fault.split(":")[0].split("/")[-1] for fault in found.faults] == ["2007_000033.jpg", "2007_000061.png"]
    np.testing.assert_array_equal(found.pixels[0], np.bincount(label("2007_000042", True).ravel(), minlength=256))


def test_refuses_a_split_without_a_list(spec, voc_dir):
    (voc_dir / "ImageSets" / "Segmentation" / "seg11valid.txt").unlink()
    with pytest.raises(DataError, match="seg11valid.txt: missing"):
        inspect(spec)


def test_the_program_tells_faults_and_remedy_and_exits_with_3(voc_dir, tmp_path, repository_path):
    (voc_dir / "JPEGImages" / "2007_000033.jpg").unlink()
    command = [sys.executable, "-m", "tools.check", "voc", "--split", "val"]
    run = subprocess.run(command, cwd=str(tmp_path), env=repository_path, capture_output=True, text=True)
    assert run.returncode == 3, run.stderr
    assert "val: 3 images, 1 of them faulty" in run.stdout
    assert "15 person" in run.stdout and "255 void" in run.stdout
    assert "2007_000033.jpg: missing" in run.stderr and "make data-voc" in run.stderr
