"""Write a file whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from pathlib import Path
from typing import IO, Iterator


@contextlib.contextmanager
def atomic_write(path: str | Path, mode: str = "w") -> Iterator[IO]:
    """Open a temporary file beside `path`; when the block ends well it takes the place of `path`, else it is gone.

    A reader never sees half a file, and whatever stood at `path` survives a full disk, a crash or a kill. What a kill
    leaves behind, `remove_leftovers` removes.

    Raises   OSError as opening or writing does, naming `path`; the temporary file is removed.
    """
    path = Path(path)
    with attach_path(path):
        handle, temporary = _temporary_beside(path)
        try:
            with open(handle, mode, encoding=None if "b" in mode else "utf-8") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                os.chmod(temporary, 0o666 & ~_umask())
                os.replace(temporary, str(path))
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files that killed writers left in a folder; those of living writers stay."""
    for part in folder.glob(".*.part"):
        with contextlib.suppress(OSError), open(str(part), "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(str(part))


@contextlib.contextmanager
def attach_path(path: Path) -> Iterator[None]:
    """Let an OSError say that it is about `path`: a full disk names no file, and nobody knows the temporary ones."""
    try:
        yield
    except OSError as error:
        if error.errno and (error.filename is None or str(error.filename).endswith(".part")):
            error.filename = str(path)
        raise


def _temporary_beside(path: Path) -> tuple[int, str]:
    """A new file, locked for as long as it is open: so `remove_leftovers` knows that its writer lives."""
    while True:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=str(path.parent))
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(handle).st_nlink:
            return handle, temporary
        os.close(handle)  # it was swept before it was locked


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
