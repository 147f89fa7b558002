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


def test_a_second_process_learns_who_holds_the_lock_and_gets_it_after_a_kill(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "lock")], stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LockHeld, match=f"^taken .process {holder.pid}, as .*lock says.$"):
            with hold_lock(tmp_path / "lock", "taken"):
                pytest.fail("the block must not run")
        holder.send_signal(signal.SIGKILL)
    with hold_lock(tmp_path / "lock", "taken"):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_a_lock_is_free_after_an_exception(tmp_path):
    with pytest.raises(ValueError):
        with hold_lock(tmp_path / "lock"):
            raise ValueError
    with hold_lock(tmp_path / "lock", "taken"):
        pass
