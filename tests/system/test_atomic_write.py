import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys

import pytest

from fcn_repro.system.atomic_write import atomic_write, remove_leftovers


def test_the_file_holds_what_was_written(tmp_path):
    path = tmp_path / "a.txt"
    with atomic_write(path) as file:
        file.write("Ünïcode\n")
    assert path.read_text(encoding="utf-8") == "Ünïcode\n"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_writes_bytes_where_asked(tmp_path):
    with atomic_write(str(tmp_path / "a.bin"), "wb") as file:
        file.write(b"\x00\xff")
    assert (tmp_path / "a.bin").read_bytes() == b"\x00\xff"


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic_write(path) as file:
        file.write("new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("interruption", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_the_old_file_and_no_litter(tmp_path, interruption):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(interruption):
        with atomic_write(path) as file:
            file.write("half of the n")
            raise interruption
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_full_disk_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "a.txt"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        with atomic_write(path) as file:
            file.write("new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_killed_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    program = (
        "import sys, time\nfrom fcn_repro.system.atomic_write import atomic_write\n"
        "with atomic_write(sys.argv[1]) as file:\n"
        "    file.write('new'); file.flush(); print('written', flush=True); time.sleep(60)"
    )
    writer = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE)
    assert writer.stdout.readline() == b"written\n"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    assert path.read_text() == "old"


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


def test_a_full_disk_is_reported_with_the_file_it_was_for(tmp_path, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device: '.*/a.txt'"):
        with atomic_write(tmp_path / "a.txt") as file:
            file.write("new")


def test_sweeping_removes_what_killed_writers_left_and_nothing_of_living_ones(tmp_path):
    program = (
        "import os, signal, sys\nfrom fcn_repro.system.atomic_write import atomic_write\n"
        "with atomic_write(sys.argv[1]) as file:\n    os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "a.txt")], check=False)
    (tmp_path / "notes.part").touch()
    assert len(os.listdir(tmp_path)) == 2
    with atomic_write(tmp_path / "a.txt") as file:
        file.write("new")
        remove_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "notes.part"]
    assert (tmp_path / "a.txt").read_text() == "new"


def test_a_file_swept_before_it_was_locked_is_made_anew(tmp_path, monkeypatch):
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
