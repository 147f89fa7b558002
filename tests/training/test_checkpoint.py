import json
from types import SimpleNamespace

import pytest

from fcn_repro.model.run_folder import RunFolder
from fcn_repro.training import checkpoint


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder("tiny", tmp_path)
    folder.snapshot_prefix.parent.mkdir(parents=True)
    return folder


def write(folder, iteration, sealed=True, weights=b"weights", history=b"history"):
    snapshot = folder.snapshot(iteration)
    snapshot.weights.write_bytes(weights)
    snapshot.history.write_bytes(history)
    if sealed:
        checkpoint.seal(snapshot, SimpleNamespace(iter=iteration, net=None), 1, {})
    return snapshot


@pytest.fixture(autouse=True)
def without_data(monkeypatch):
    """Nothing here has a net."""
    monkeypatch.setattr(checkpoint, "data_layer", lambda net: SimpleNamespace(position=dict))


def kept(folder):
    return [snapshot.iteration for snapshot in folder.snapshots() if snapshot.weights.exists()]


def test_the_newest_complete_snapshot_is_found_by_number_not_by_name(folder):
    for iteration in (900, 1000, 80):
        write(folder, iteration)
    assert checkpoint.newest(folder).iteration == 1000


def test_a_run_without_snapshots_has_no_newest(folder):
    write(folder, 10, sealed=False)
    assert checkpoint.newest(folder) is None


@pytest.mark.parametrize("lost", ["weights", "history", "resume"])
def test_a_snapshot_that_lost_a_file_is_not_complete(folder, lost):
    snapshot = write(folder, 10)
    getattr(snapshot, lost).unlink()
    assert not checkpoint.is_complete(snapshot)


@pytest.mark.parametrize("cut", ["weights", "history"])
def test_a_snapshot_whose_file_was_cut_short_is_not_complete(folder, cut):
    snapshot = write(folder, 10)
    getattr(snapshot, cut).write_bytes(b"short")
    assert not checkpoint.is_complete(snapshot)


@pytest.mark.parametrize("damaged", ["weights", "history"])
def test_a_snapshot_whose_bytes_changed_is_passed_over_and_named(folder, damaged, caplog):
    snapshots = [write(folder, iteration) for iteration in (10, 20)]
    getattr(snapshots[1], damaged).write_bytes(b"changed")
    assert checkpoint.is_complete(snapshots[1]) and not checkpoint.is_sound(snapshots[1])
    assert checkpoint.newest(folder) == snapshots[0]
    assert f"{getattr(snapshots[1], damaged)} is damaged" in caplog.text
    assert not checkpoint.is_complete(snapshots[1])  # so that it is written anew when the run comes there again
    assert snapshots[1].weights.exists() and snapshots[1].history.exists()


@pytest.mark.parametrize(
    "seal", [b"", b"{", b"\xff", b"[]", b'{"state": 1, "sha256": 2}', b"[" * 100_000, b'{"bytes": [7, 7]}']
)
def test_a_seal_that_is_not_as_it_was_written_is_no_seal(folder, seal, caplog):
    snapshots = [write(folder, iteration) for iteration in (10, 20)]
    snapshots[1].resume.write_bytes(seal)
    assert checkpoint.newest(folder) == snapshots[0]
    assert f"{snapshots[1].resume} is damaged" in caplog.text


def test_a_seal_that_lost_a_bit_is_no_seal(folder):
    snapshot = write(folder, 10)
    sealed = json.loads(snapshot.resume.read_text())
    sealed["state"]["iteration"] = 11
    snapshot.resume.write_text(json.dumps(sealed))
    assert not checkpoint.is_complete(snapshot)


def test_pruning_keeps_the_newest_two_and_the_best(folder):
    snapshots = [write(folder, iteration) for iteration in (10, 20, 30, 40, 50)]
    checkpoint.prune(folder, best=snapshots[1])
    assert kept(folder) == [20, 40, 50]


def test_pruning_keeps_the_scores_of_all(folder):
    for iteration in (10, 20, 30):
        write(folder, iteration).score.touch()
    checkpoint.prune(folder, best=None)
    assert all(folder.snapshot(iteration).score.exists() for iteration in (10, 20, 30))
    assert kept(folder) == [20, 30]


def test_pruning_counts_complete_snapshots_and_clears_older_wrecks(folder):
    write(folder, 10)
    write(folder, 20, sealed=False)
    write(folder, 30)
    write(folder, 40, sealed=False)
    checkpoint.prune(folder, best=None)
    assert kept(folder) == [10, 30, 40]


def test_pruning_leaves_a_run_without_complete_snapshots_alone(folder):
    write(folder, 10, sealed=False)
    checkpoint.prune(folder, best=None)
    assert kept(folder) == [10]
