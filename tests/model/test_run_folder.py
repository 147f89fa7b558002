from pathlib import Path

from fcn_repro.model.run_folder import RunFolder


def test_snapshot_names_are_caffes():
    snapshot = RunFolder("voc-fcn8s").snapshot(4000)
    assert snapshot.weights == Path("build/voc-fcn8s/snapshot/train_iter_4000.caffemodel")
    assert snapshot.history == Path("build/voc-fcn8s/snapshot/train_iter_4000.solverstate")
    assert snapshot.resume == Path("build/voc-fcn8s/snapshot/train_iter_4000.run.json")


def test_snapshots_are_listed_by_iteration_and_other_files_are_left_out(tmp_path):
    folder = RunFolder("run", tmp_path)
    assert folder.snapshots() == []
    folder.snapshot_prefix.parent.mkdir(parents=True)
    for name in ("train_iter_900.caffemodel", "train_iter_1000.solverstate", "train_iter_1000.caffemodel", "notes.txt"):
        (folder.snapshot_prefix.parent / name).touch()
    assert [snapshot.iteration for snapshot in folder.snapshots()] == [900, 1000]
