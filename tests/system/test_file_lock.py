import os
import signal
import subprocess
import sys

import pytest

from fcn_repro.system.file_lock import LockHeld, hold_lock

HOLDER = """
import sys, time
from pathlib import Path
from fcn_repro.system.file_lock import hold_lock
with hold_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "lock")], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_process_is_told_who_holds_the_lock(tmp_path, holder):
    with pytest.raises(LockHeld, match=f"^taken .process {holder.pid}, as .*lock says.$"):
        with hold_lock(tmp_path / "lock", "taken"):
            pytest.fail("the block must not run")


def test_a_killed_process_locks_nobody_out(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with hold_lock(tmp_path / "lock", "taken"):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_a_lock_is_free_after_its_block_however_that_ends(tmp_path):
    with pytest.raises(ValueError):
        with hold_lock(tmp_path / "lock"):
            raise ValueError
    with hold_lock(tmp_path / "lock", "taken"):
        pass
