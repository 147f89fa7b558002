"""Silhouettes in stand-ins for the package's files, and how they are split."""

import gzip
import pickle
from pathlib import Path

import numpy as np
import pytest

from fcn_repro.datasets.mini import silhouettes
from fcn_repro.errors import DataError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two bitmaps of each kind, stored as the package stores its thousand."""
    monkeypatch.setattr(silhouettes, "EACH", 2)
    monkeypatch.setattr(silhouettes, "fetch_member", lambda source, inside: tmp_path / Path(inside).name)
    bitmaps = np.arange(20 * 784).reshape(20, 28, 28).astype(np.uint8)
    store(tmp_path / "animal_data_version_3.gz", bitmaps)
    store(tmp_path / "animal_label_version_3.gz", np.arange(20) % 10)
    return tmp_path


def store(path: Path, array: object) -> None:
    path.write_bytes(gzip.compress(pickle.dumps(array, protocol=4)))


def test_bitmaps_are_sorted_by_kind(package):
    found = silhouettes.load_silhouettes()
    expected = np.arange(20 * 784).reshape(20, 28, 28).astype(np.uint8)
    assert list(found) == list(silhouettes.KINDS)
    assert np.array_equal(found["cat"], expected[[2, 12]])


def test_nothing_in_a_pickle_is_executed(package):
    class Bomb:
        def __reduce__(self):
            return pytest.fail, ("was executed",)

    store(package / "animal_label_version_3.gz", [Bomb(), np.arange(20) % 10])
    assert len(silhouettes.load_silhouettes()["zebra"]) == 2


def test_refuses_a_file_that_holds_something_else(package):
    store(package / "animal_data_version_3.gz", np.zeros(7, np.uint8))
    with pytest.raises(DataError, match=r"got 0 arrays of 15680 bytes; expected one. Fix: remove it"):
        silhouettes.load_silhouettes()


def test_the_last_bitmaps_are_held_out_and_their_twins_are_dropped(monkeypatch):
    monkeypatch.setattr(silhouettes, "HELD_OUT", 2)
    bitmaps = np.zeros((5, 28, 28), np.uint8)
    for n in range(5):
        bitmaps[n, :, 5 * n : 5 * n + 5] = 255
    bitmaps[1] = bitmaps[4]
    bitmaps[1, 0, 20] = 0  # IU 139 / 140
    found = silhouettes.split(bitmaps)
    assert np.array_equal(found.held_out, bitmaps[3:])
    assert np.array_equal(found.train, bitmaps[[0, 2]])


def test_bitmaps_that_overlap_a_little_are_kept(monkeypatch):
    monkeypatch.setattr(silhouettes, "HELD_OUT", 1)
    bitmaps = np.zeros((2, 28, 28), np.uint8)
    bitmaps[0, :, :10] = bitmaps[1, :, 1:11] = 255  # IU 9 / 11
    assert len(silhouettes.split(bitmaps).train) == 1
