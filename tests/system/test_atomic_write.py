import errno
import fcntl
import os
import stat
import subprocess
import sys

import pytest

from fcn_repro.system.atomic_write import atomic_write, remove_leftovers


def full_disk(descriptor: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(("mode", "content"), [("w", "Ünïcode\n"), ("wb", b"\x00\xff")])
def test_the_file_holds_what_was_written(tmp_path, mode, content):
    path = tmp_path / "a.txt"
    with atomic_write(str(path), mode) as file:
        file.write(content)
    assert path.read_bytes() == (content if mode == "wb" else content.encode())
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic_write(path) as file:
        file.write("new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit, "disk"])
def test_a_failure_leaves_the_old_file_and_no_temporary_one(tmp_path, monkeypatch, failure):
    path = tmp_path / "a.txt"
    path.write_text("old")
    if failure == "disk":
        monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError if failure == "disk" else failure) as raised:
        with atomic_write(path) as file:
            file.write("half of the n")
            if failure != "disk":
                raise failure
    assert failure != "disk" or f"No space left on device: '{path}'" in str(raised.value)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_permissions_are_those_of_any_new_file(tmp_path):
    before = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "a.txt") as file:
            file.write("new")
        assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


def test_refuses_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(FileNotFoundError):
        with atomic_write(tmp_path / "missing" / "a.txt"):
            pytest.fail("the block must not run")


def test_of_two_writers_the_last_to_finish_wins_whole(tmp_path):
    path = tmp_path / "a.txt"
    with atomic_write(path) as late:
        late.write("late" * 1000)
        with atomic_write(path) as early:
            early.write("early")
        assert path.read_text() == "early"
    assert path.read_text() == "late" * 1000


def test_leftovers_of_killed_writers_are_removed_and_files_of_living_ones_stay(tmp_path):
    program = (
        "import os, signal, sys\nfrom fcn_repro.system.atomic_write import atomic_write\n"
        "with atomic_write(sys.argv[1]) as file:\n    os.kill(os.getpid(), signal.SIGKILL)"
    )
    (tmp_path / "a.txt").write_text("old")
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "a.txt")], check=False)
    (tmp_path / "notes.part").touch()
    assert len(os.listdir(tmp_path)) == 3 and (tmp_path / "a.txt").read_text() == "old"
    with atomic_write(tmp_path / "a.txt") as file:
        file.write("new")
        remove_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "notes.part"]
    assert (tmp_path / "a.txt").read_text() == "new"


def test_a_temporary_file_removed_before_its_lock_is_created_again(tmp_path, monkeypatch):
    lock, swept = fcntl.flock, []

    def late(file, operation):
        if not swept:
            swept.extend(tmp_path.glob(".*.part"))
            swept[0].unlink()
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with atomic_write(tmp_path / "a.txt") as file:
        file.write("new")
    assert swept and (tmp_path / "a.txt").read_text() == "new"
