"""Write a file whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import IO, Iterator


@contextlib.contextmanager
def atomic_write(path: str | Path, mode: str = "w") -> Iterator[IO]:
    """Open a temporary file beside `path` that replaces `path` when the block ends without an exception.

    Readers never see half a file, and the old file survives a full disk, a crash or a kill. `remove_leftovers`
    removes the temporary files of killed processes.

    Raises   OSError as opening and writing do, naming `path`; the temporary file is removed
    """
    path = Path(path)
    with attach_path(path):
        handle, temporary = _open_temporary(path)
        try:
            with open(handle, mode, encoding=None if "b" in mode else "utf-8") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                os.chmod(temporary, 0o666 & ~_read_umask())
                os.replace(temporary, str(path))
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of killed writers from a folder; those of living writers are locked and stay."""
    for part in folder.glob(".*.part"):
        with contextlib.suppress(OSError), open(str(part), "rb") as file:
            _lock(file.fileno())
            os.unlink(str(part))


@contextlib.contextmanager
def attach_path(path: Path) -> Iterator[None]:
    """Make an OSError name `path`, where it names no file (a full disk) or a temporary one."""
    try:
        yield
    except OSError as error:
        if error.errno and (error.filename is None or str(error.filename).endswith(".part")):
            error.filename = str(path)
        raise


def _open_temporary(path: Path) -> tuple[int, str]:
    """Open a new temporary file and lock it, so that `remove_leftovers` knows that its writer lives."""
    while True:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=str(path.parent))
        with contextlib.suppress(OSError):  # a file system without locks
            _lock(handle)
        if os.fstat(handle).st_nlink:
            return handle, temporary
        os.close(handle)  # another process removed it before the lock


def _lock(descriptor: int) -> None:
    """Lock an open file, without waiting. Raises BlockingIOError if another process holds the lock."""
    with contextlib.suppress(ImportError):  # Windows removes no open file, locked or not
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _read_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
