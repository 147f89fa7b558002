from pathlib import Path

import pytest

from fcn_repro.folder import RunFolder, replacing


def test_snapshot_names_are_caffes():
    snapshot = RunFolder("voc-fcn8s").snapshot(4000)
    assert snapshot.weights == Path("build/voc-fcn8s/snapshot/train_iter_4000.caffemodel")
    assert snapshot.history == Path("build/voc-fcn8s/snapshot/train_iter_4000.solverstate")
    assert snapshot.resume == Path("build/voc-fcn8s/snapshot/train_iter_4000.run.json")


def test_snapshots_are_listed_by_iteration_and_strangers_are_left_out(tmp_path):
    folder = RunFolder("run", tmp_path)
    folder.snapshot_prefix.parent.mkdir(parents=True)
    for name in ("train_iter_900.caffemodel", "train_iter_1000.solverstate", "train_iter_1000.caffemodel", "notes.txt"):
        (folder.snapshot_prefix.parent / name).touch()
    assert [snapshot.iteration for snapshot in folder.snapshots()] == [900, 1000]


def test_a_folder_that_never_ran_has_no_snapshots(tmp_path):
    assert RunFolder("run", tmp_path).snapshots() == []


def test_replacing_keeps_the_old_file_when_writing_fails(tmp_path):
    path = tmp_path / "score.json"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        temporary.write_text("half of the n")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_replacing_makes_missing_folders(tmp_path):
    with replacing(tmp_path / "a" / "b.txt") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "a" / "b.txt").read_text() == "new"
