"""A tiny run in a separate process that can be killed, or find its disk full, at any chosen file operation."""

import contextlib
import errno
import os
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from fcn_repro.evaluation.score_report import read_report
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.system.signals import SIGNALS
from fcn_repro.training.recipe import Recipe
from fcn_repro.training.train_log import COLUMNS, read
from fcn_repro.training.trainer import solve
from tests.fixtures.tiny_run import write_run
from tools import program

RECIPE = Recipe(rounds=2, steps=4)
SNAPSHOT = 3  # iterations between two: at 3 and 6 by the solver, at 4 and 8 as rounds end
RUN = RunFolder("tiny")
WRITING = os.O_WRONLY | os.O_RDWR
OPERATIONS = ("open", "os.rename", "os.remove", "os.chmod", "os.truncate")


@dataclass(frozen=True)
class Ended:
    """How a process ended, and what it said."""

    status: int  # its exit status, or minus the signal that killed it
    stderr: str

    @property
    def is_clean(self) -> bool:
        return "Traceback" not in self.stderr and "Exception ignored" not in self.stderr


def lay_out(root: Path) -> Path:
    """The run's files in a folder, by paths relative to it, so that what is written depends on no folder's name."""
    root.mkdir()
    with contextlib.chdir(root):
        write_run(Path("."), snapshot=SNAPSHOT)
    return root


def start(root: Path, kill_at: int = 0, full_from: int = 0) -> int:
    """Start or resume the run in a forked process; return its process id.

    kill_at     the file operation, counted from 1, before which it kills itself
    full_from   the file operation from which on there is no room to write
    """
    (root / "said").write_text("")  # a signal may end the child before it says anything
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # or one could find the child still in the parent's code
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        return pid
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        os.chdir(root)
        sys.stdout = sys.stderr = open("said", "w", buffering=1)
        if kill_at or full_from:
            _Trouble(kill_at, full_from).watch()
        status = program.run(lambda options: solve(RUN, RECIPE), None)
        sys.stderr.flush()
        os._exit(status)
    except KeyboardInterrupt:  # before the program heard signals, or when it no longer did; Python ends by it then
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        os._exit(70)


def end(root: Path, pid: int) -> Ended:
    """Wait for a process."""
    _, status = os.waitpid(pid, 0)
    return Ended(os.waitstatus_to_exitcode(status), (root / "said").read_text())


def run(root: Path, **trouble: int) -> Ended:
    """From beginning, or where it was, to end."""
    return end(root, start(root, **trouble))


def signalled(root: Path, delay_s: float, *numbers: int) -> Ended:
    """Send signals to a run, the first after a while."""
    pid = start(root)
    time.sleep(delay_s)
    for number in numbers:
        os.kill(pid, number)
    return end(root, pid)


def outcome(root: Path, run: RunFolder = RUN) -> dict[str, object]:
    """All that a run leaves behind, but for the time it took and the commit it ran at."""
    folder = root / run.path
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    bytes_of = {name: (folder / name).read_bytes() for name in files if name.endswith((".caffemodel", ".solverstate"))}
    curve = [{name: row[name] for name in COLUMNS if name not in ("seconds", "images_per_s")}
             for row in read(folder / "log.csv")]  # fmt: skip
    score = {name: fact for name, fact in read_report(folder / "score.json").items() if name != "commit"}
    return {"files": files, "bytes": bytes_of, "curve": curve, "score": score}


def essence(outcome: dict) -> dict[str, object]:
    """Of an outcome, what does not depend on where a run was asked to stop, which leaves a snapshot there."""
    last = {name: content for name, content in outcome["bytes"].items() if "final" in name or "_iter_8." in name}
    parts = [name for name in outcome["files"] if name.endswith(".part")]
    return {"last": last, "parts": parts, "curve": outcome["curve"], "score": outcome["score"]}


def fresh_copy(template: Path, root: Path) -> Path:
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(template, root)
    return root


class _Trouble:
    """Counts the operations that change files of the run, and makes trouble at one of them."""

    def __init__(self, kill_at: int, full_from: int) -> None:
        self._kill_at, self._full_from = kill_at, full_from
        self._seen = 0

    def watch(self) -> None:
        sync = os.fsync

        def fsync(descriptor: int) -> None:
            self._happens(needs_room=True)
            sync(descriptor)

        os.fsync = fsync
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple) -> None:
        if event not in OPERATIONS or not isinstance(arguments[0], (str, bytes)):
            return
        inside = "build" in str(arguments[0])
        if event == "open" and inside and arguments[2] & WRITING:
            self._happens(needs_room=True, path=str(arguments[0]))
        elif event != "open" and inside:
            self._happens(needs_room=False)

    def _happens(self, needs_room: bool, path: str | None = None) -> None:
        self._seen += 1
        if self._seen == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if needs_room and self._full_from and self._seen >= self._full_from:
            raise OSError(errno.ENOSPC, "No space left on device", *[path] * bool(path))
