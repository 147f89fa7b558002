import json
from pathlib import Path

import pytest

from fcn_repro.model.run_folder import RunFolder
from fcn_repro.training.checkpoint_files import find_newest, is_complete, prune, verify_checksum, write_state


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder("tiny", tmp_path)
    folder.snapshot_prefix.parent.mkdir(parents=True)
    return folder


def write(folder, iteration, complete=True, mean_iu=None):
    snapshot = folder.snapshot(iteration)
    snapshot.weights.write_bytes(b"weights")
    snapshot.history.write_bytes(b"history")
    if complete:
        write_state(snapshot, {"iteration": iteration})
    if mean_iu is not None:
        snapshot.score.write_text(json.dumps({"scores": {"score": {"mean_iu": mean_iu}}}))
    return snapshot


def kept(folder):
    return [snapshot.iteration for snapshot in folder.snapshots() if snapshot.weights.exists()]


def test_the_newest_complete_snapshot_is_found_by_number_not_by_name(folder):
    for iteration in (900, 1000, 80):
        write(folder, iteration)
    write(folder, 1100, complete=False)
    assert find_newest(folder).iteration == 1000


def test_a_run_without_complete_snapshots_has_no_newest_and_is_not_pruned(folder):
    write(folder, 10, complete=False)
    assert find_newest(folder) is None
    prune(folder)
    assert kept(folder) == [10]


@pytest.mark.parametrize(
    "file, damage",
    [
        *[(file, Path.unlink) for file in ("weights", "history", "resume")],
        *[(file, lambda path: path.write_bytes(b"short")) for file in ("weights", "history", "resume")],
        ("resume", lambda path: path.write_text(path.read_text().replace('"iteration": 10', '"iteration": 11'))),
    ],
)
def test_a_snapshot_with_a_missing_or_truncated_file_is_not_complete(folder, file, damage):
    snapshot = write(folder, 10)
    damage(getattr(snapshot, file))
    assert not is_complete(snapshot)


@pytest.mark.parametrize("damaged", ["weights", "history"])
def test_a_snapshot_whose_bytes_changed_is_skipped_and_named(folder, damaged, caplog):
    snapshots = [write(folder, iteration) for iteration in (10, 20)]
    getattr(snapshots[1], damaged).write_bytes(b"changed")
    assert is_complete(snapshots[1]) and not verify_checksum(snapshots[1])
    assert find_newest(folder) == snapshots[0]
    assert f"{getattr(snapshots[1], damaged)}: checksum mismatch" in caplog.text
    assert not is_complete(snapshots[1])  # so the run writes it again
    assert snapshots[1].weights.exists() and snapshots[1].history.exists()


@pytest.mark.parametrize(
    "text", [b"", b"{", b"\xff", b"[]", b'{"state": 1, "sha256": 2}', b"[" * 100_000, b'{"bytes": [7, 7]}']
)
def test_a_damaged_run_json_is_skipped_and_named(folder, text, caplog):
    snapshots = [write(folder, iteration) for iteration in (10, 20)]
    snapshots[1].resume.write_bytes(text)
    assert find_newest(folder) == snapshots[0]
    assert f"{snapshots[1].resume}: damaged" in caplog.text


def test_pruning_keeps_the_newest_two_the_best_and_all_scores(folder):
    for iteration, mean_iu in ((10, 0.1), (20, 0.3), (30, 0.2), (40, None), (50, None)):
        write(folder, iteration, mean_iu=mean_iu)
    prune(folder)
    assert kept(folder) == [20, 40, 50]
    assert [it.iteration for it in folder.snapshots() if it.score.exists()] == [10, 20, 30]


def test_pruning_counts_complete_snapshots_and_removes_older_incomplete_ones(folder):
    for iteration in (10, 20, 30, 40):
        write(folder, iteration, complete=iteration in (10, 30))
    prune(folder)
    assert kept(folder) == [10, 30, 40]
